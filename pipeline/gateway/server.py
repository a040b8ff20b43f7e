"""The server that runs the gateway: bound first, so that a taken port is one clear error."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from pipeline.errors import ConfigurationError
from pipeline.gateway.api.token import check_exposure
from pipeline.settings import Settings

_GRACE_SECONDS = 10


def bind(settings: Settings) -> socket.socket:
    """The listening socket; port 0 gives any free one. Raises `ConfigurationError`."""
    check_exposure(settings)
    family = socket.AF_INET6 if ":" in settings.gateway_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.gateway_host, settings.gateway_port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"the gateway cannot listen on {settings.gateway_host}:{settings.gateway_port}: {error.strerror}; "
            "set PIPELINE_GATEWAY_PORT or PIPELINE_GATEWAY_HOST"
        ) from None
    return listener


def gateway_server(app: FastAPI) -> uvicorn.Server:
    """Without an access log of uvicorn's own, which would show hook tokens. Ends on SIGTERM and SIGINT."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)
