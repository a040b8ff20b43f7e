"""Logging of a process: structlog, JSON lines or console, with what looks like a secret cut out."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
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
_CLIENTS = ("pipeline.kafka.clients", "aiokafka")
"""Kafka clients' own loggers. While a broker is away, each client complains many times a second."""
_SELDOM_SECONDS = 10.0
_MOST_COMPLAINTS = 1000
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
    handler.addFilter(Seldom())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A client's own warnings are about retries that it makes by itself.
    logging.getLogger("pipeline.kafka.clients").setLevel(logging.WARNING if role else logging.ERROR)


class Seldom(logging.Filter):
    """Lets a complaint of a Kafka client through once in ten seconds; those that differ by numbers only are one."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_CLIENTS):
            return True
        complaint = (record.name, re.sub(r"\d+", "", record.getMessage()))
        now = self._now()
        if now - self._last.get(complaint, -_SELDOM_SECONDS) < _SELDOM_SECONDS:
            return False
        if len(self._last) > _MOST_COMPLAINTS:
            self._last.clear()
        self._last[complaint] = now
        return True


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
