"""Logging of a process: structlog, JSON lines or console, with what looks like a secret cut out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

HIDDEN = "[hidden]"

_SECRET_KEY = re.compile(
    r"(secret|token|password|passwd|authorization|api_?key|code_?verifier|credential|cookie)", re.I
)
_SECRET_TEXT = re.compile(
    r"(?i)(zoho-oauthtoken|bearer|basic)\s+[\w.~+/=-]+"
    r"|\b1000\.[0-9a-f]{16,}\.[0-9a-f]{16,}\b"
    r"|(?<=/hooks/)([\w.-]+/[\w.-]+/[\w.-]+)/[\w-]+"
)
_NOISY = ("faust", "aiokafka", "mode", "httpx", "httpcore", "uvicorn.access", "asyncio")


def configure_logging(level: str = "INFO", *, json: bool | None = None, role: str = "") -> None:
    """Once a process. `json` None: JSON unless standard error is a terminal. All goes to standard error."""
    if json is None:
        json = not sys.stderr.isatty()

    def add_role(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if role:
            event["role"] = role
        return event

    shared: list[structlog.typing.Processor] = [
        add_role,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    # The traceback becomes text before the cut, so that a secret in an exception's message is hidden as well.
    render += [structlog.processors.format_exc_info, redact]
    render += [structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=render))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A client's own warnings are about retries that it makes by itself.
    logging.getLogger("pipeline.kafka.clients").setLevel(logging.WARNING if role else logging.ERROR)


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hides values under keys that name a secret, at any depth, and texts that look like one."""
    for key, value in event.items():
        event[key] = _clean(key, value)
    return event


def _clean(key: str, value: Any) -> Any:
    if _SECRET_KEY.search(key) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(lambda match: f"{match[1] or match[2] or ''} {HIDDEN}".strip(), value)
    if isinstance(value, Mapping):
        return {name: _clean(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", item) for item in value]
    return value
