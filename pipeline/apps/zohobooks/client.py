"""A Zoho Books connection in use: adds the token, sends, and sorts the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pipeline.apps.base import Request, Response, StartupCheck, TokenStore, Transport
from pipeline.apps.zohobooks import checks, faults
from pipeline.apps.zohobooks.auth import TokenHolder
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.errors import InDoubt, Refused, Retry, Stopped


class ZohoBooksSession:
    """A `Session`. Any number of calls may run at once; they share one token.

    A 401 is met by one new token and one repetition, which is safe: the call was not let in. Where the new token meets
    a 401 too, now or in the next call, it isn't the token, and no further one is asked for. `close` ends the session
    only; whoever made the transports closes them.
    """

    def __init__(
        self,
        *,
        settings: ZohoBooksSettings,
        secrets: Mapping[str, str],
        api: Transport,
        auth: Transport,
        tokens: TokenStore,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._base_url = settings.api(secrets.get("api_domain", ""))
        self._api = api
        self._now = now
        self._unproved = ""
        self._tokens = TokenHolder(settings=settings, secrets=secrets, transport=auth, tokens=tokens, now=now)

    async def send(self, request: Request) -> Any:
        """The decoded answer of a call that succeeded; raises the `EffectError`s otherwise."""
        token = await self._tokens.get()
        response = await self._send(request, token)
        if response.status == 401:
            if token == self._unproved:
                raise faults.not_allowed(response)
            token = self._unproved = await self._tokens.replace(token)
            response = await self._send(request, token)
        if response.status != 401 and token == self._unproved:
            self._unproved = ""
        block = self._settings.block_seconds
        return faults.read_answer(response, writes=writes(request), now=self._now(), block=block)

    async def _send(self, request: Request, token: str) -> Response:
        headers = {**request.headers, "Authorization": f"Zoho-oauthtoken {token}"}
        try:
            return await self._api.send(self._base_url, replace(request, headers=headers))
        except InDoubt as error:
            if writes(request):
                raise
            raise Retry(str(error), code=error.code) from None

    async def download(self, url: str) -> bytes:
        """A file from elsewhere, without our token. Whoever asks has looked at the host.

        Raises `Refused` where there is none, `Retry` where it cannot be got now.
        """
        parts = urlsplit(url)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        try:
            answer = await self._api.send(f"https://{parts.netloc}", Request("GET", path))
        except InDoubt as error:
            raise Retry(str(error), code=error.code) from None
        except Stopped as error:
            raise Refused(str(error), code="redirect") from None
        if answer.status == 200:
            return answer.body
        message = f"{parts.hostname} answered HTTP {answer.status} for the file"
        if answer.status >= 500 or answer.status == 429:
            raise Retry(message, code=str(answer.status))
        raise Refused(message, code=str(answer.status))

    async def check(self) -> Mapping[str, Any]:
        """All start-up checks; gives the profile (`checks.check`)."""
        return await checks.check(self.send, self._settings)

    async def survey(self) -> Sequence[StartupCheck]:
        """`apps.base.SurveysItself`."""
        return await checks.surveyed(self.send, self._settings)

    async def close(self) -> None:
        return None


def writes(request: Request) -> bool:
    """Whether a lost answer leaves an effect in doubt."""
    return request.method != "GET"
