"""Connecting an app: what a person typed becomes what is kept, and the start-up checks say whether it works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.apps.base import App, StartupCheck, SurveysItself, Token, Transport
from pipeline.apps.hiding import hiding
from pipeline.clock import Clock, SystemClock
from pipeline.control.secrets import SecretBox, open_secrets, secret_name
from pipeline.errors import ConfigurationError, PipelineError
from pipeline.schemas.records import Connection


@dataclass
class MemoryTokens:
    """A token store for one check: the token ends with it. `TokenStore` of `apps.base`."""

    token: Token | None = None
    times: list[float] = field(default_factory=list)

    def load(self) -> Token | None:
        return self.token

    def save(self, token: Token | None) -> None:
        self.token = token

    def refreshes(self) -> Sequence[float]:
        return tuple(self.times)

    def refreshed(self, at: float) -> None:
        self.times.append(at)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the start-up checks of a connection gave, each with its remedy in the vendor's own words."""

    connection: str
    checks: tuple[StartupCheck, ...]

    @property
    def remedy(self) -> str:
        """All that is to be mended; "" where the connection works."""
        return "; ".join(dict.fromkeys(check.remedy for check in self.checks if check.remedy))

    @property
    def warnings(self) -> str:
        """What works, and less well than it could."""
        return "; ".join(check.warning for check in self.checks if check.warning)


def _one(profile: Mapping[str, Any], remedy: str = "") -> StartupCheck:
    """Of an app that does not tell its checks one by one."""
    warning = "; ".join(map(str, profile.get("warnings", ())))
    return StartupCheck("connection", "the connection works", remedy=remedy, warning=warning)


async def connect(
    *,
    id: str,
    app: App,
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    paused: bool,
    box: SecretBox,
    transport: Transport,
    hook: str = "",
    name: str = "",
) -> Connection:
    """Exchange what was typed (a self client code works once) and seal what is kept. Raises the `EffectError`s.

    `hook` is the sealed token of the webhook addresses that a connection of this id has had: they stay.
    """
    kept = await app.connect(settings, secrets, hiding(transport, app, secrets))
    return Connection(
        id=id,
        app=app.name,
        settings=dict(settings),
        secrets={name: box.seal(secret_name(id, name), value) for name, value in kept.items()},
        typed={name: box.fingerprint(secret_name(id, name), value) for name, value in secrets.items()},
        paused=paused,
        hook=hook,
        name=name,
    )


def locked(connection: Connection, box: SecretBox) -> str:
    """Why its secrets cannot be opened, and what to do; "" where they can."""
    try:
        open_secrets(connection.id, connection.secrets, box)
    except ConfigurationError as error:
        return str(error)
    return ""


def same_secrets(stored: Connection, typed: Mapping[str, str | None], box: SecretBox) -> bool:
    """Whether these are the secrets that `stored` was made of. One may be missing, or None where it is no longer to
    be had (a used code, an environment variable of an earlier shell); those given must all be the same."""
    if not typed.keys() <= stored.typed.keys():
        return False
    return all(
        value is None or box.same(secret_name(stored.id, name), value, stored.typed[name])
        for name, value in typed.items()
    )


async def check(
    connection: Connection, app: App, box: SecretBox, transport: Transport, clock: Clock | None = None
) -> Checked:
    """Run the app's start-up checks with the stored credentials; reads only. Failures are told, not raised."""
    try:
        secrets = open_secrets(connection.id, connection.secrets, box)
        transport = hiding(transport, app, secrets)
        session = app.session(
            settings=connection.settings,
            secrets=secrets,
            api=transport,
            auth=transport,
            tokens=MemoryTokens(),
            now=(clock or SystemClock()).now,
        )
        try:
            if isinstance(session, SurveysItself):
                return Checked(connection.id, tuple(await session.survey()))
            return Checked(connection.id, (_one(await session.check()),))
        finally:
            await session.close()
    except PipelineError as error:
        return Checked(connection.id, (_one({}, str(error) or type(error).__name__),))
