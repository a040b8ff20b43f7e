"""Answers without the credentials that went out: vendors repeat them in error texts, which travel on to everyone.

A refusal's message becomes a result, a dead letter, a log line and what a command prints. So what is known to be secret
is cut out of an answer before anything reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

import msgspec

from pipeline.apps.base import App, Request, Response, Transport

HIDDEN = "[hidden]"
SHORTEST = 8
"""Characters: what is shorter could be part of any word, and is no secret."""
TOKENS = 8
"""Access tokens that are remembered: a call may be answered after the token was replaced."""


def hiding(transport: Transport, app: App, secrets: Mapping[str, str]) -> Transport:
    """`transport` for a connection with these credentials; of `secrets` those count that the app's form names."""
    return HidingTransport(transport, [secrets[name] for name in app.secrets if name in secrets])


class HidingTransport:
    """A `Transport`. It also learns the token that a request carries, in the header `Authorization`."""

    def __init__(self, transport: Transport, secrets: Iterable[str]) -> None:
        self._transport = transport
        self._secrets = [form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)]
        self._tokens: dict[str, list[str]] = {}

    async def send(self, base_url: str, request: Request) -> Response:
        token = request.headers.get("Authorization", "").rpartition(" ")[2]
        if len(token) >= SHORTEST and token not in self._tokens:
            self._tokens[token] = list(_forms(token))
            if len(self._tokens) > TOKENS:
                del self._tokens[next(iter(self._tokens))]
        response = await self._transport.send(base_url, request)
        known = [*self._secrets, *(form for forms in self._tokens.values() for form in forms)]
        if _grants(response):
            return response
        body = response.body
        for form in known:
            if form.encode() in body:
                body = body.replace(form.encode(), HIDDEN.encode())
        headers = {name: _cut(value, known) for name, value in response.headers.items()}
        return replace(response, headers=headers, body=body)


def _cut(text: str, known: Iterable[str]) -> str:
    for form in known:
        text = text.replace(form, HIDDEN)
    return text


def _forms(secret: str) -> Iterator[str]:
    """As it is, as JSON may escape it, and as a URL does."""
    quoted = quote(secret, safe="")
    yield from dict.fromkeys((secret, secret.replace("/", "\\/"), quoted, quoted.lower(), quote(secret)))


def _grants(response: Response) -> bool:
    """An answer that hands a token out is for the one who asked, and may repeat the refresh token: it is kept."""
    if b'"access_token"' not in response.body:
        return False
    try:
        answer = msgspec.json.decode(response.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and bool(answer.get("access_token")) and not answer.get("error")
