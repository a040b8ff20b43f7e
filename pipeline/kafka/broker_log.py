"""Reads from a broker's log why it ended, as one line for a person. Pure."""

from __future__ import annotations

import re

STARTED = "Kafka Server started (kafka.server.KafkaRaftServer)"

_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|not enough space", re.IGNORECASE)
_BIND = re.compile(r"failed to bind to (\S+?): Address already in use|Address already in use")
_HEADER = re.compile(r"^\d{4}-\d\d-\d\d[T ][\d:,.]+ (?P<level>[A-Z]+) (?P<text>.*)$")
_CAUSE = re.compile(r"^(?:Caused by: )?(?:[\w$]+\.)+(?P<cause>[\w$]+: .+)$")


def why_it_ended(log: str, output: str) -> str:
    """The cause. `log` is what Log4j wrote in this run, `output` what the JVM itself printed."""
    text = f"{log}\n{output}"
    if _NO_SPACE.search(text):
        return "the disk is full (the broker met 'No space left on device'); free some space"
    if bind := _BIND.search(text):
        return f"the port is taken ({bind.group(1) or 'Address already in use'}); start again, or give another port"
    return _last_cause(log) or _last_line(output) or _last_line(log) or "it said nothing"


def _last_cause(log: str) -> str:
    """The last ERROR or FATAL line, with the root cause that its stack trace names."""
    found, cause = "", ""
    for line in log.splitlines():
        if header := _HEADER.match(line):
            if header["level"] in {"ERROR", "FATAL"}:
                found = header["text"]
        elif found and (match := _CAUSE.match(line)):
            cause = match["cause"]
    return f"{found}: {cause}" if cause else found


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("\tat ")]
    return lines[-1] if lines else ""
