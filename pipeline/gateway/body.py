"""Request bodies, read no further than the limit."""

from __future__ import annotations

from fastapi import Request

from pipeline.gateway.answers import Refusal

MAX_BODY_BYTES = 4 * 1024 * 1024


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body. Raises `Refusal` 413 before more than `limit` bytes are held, whatever length was announced."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "too_large", f"the body is larger than {limit} bytes; send less at once")
