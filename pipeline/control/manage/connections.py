"""What people do with connections, behind the command line and the API alike.

Secrets go in and never come out. Whoever calls an app does so before the row is written, and outside the lock of other
changes; the row is written only if it is still the one that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
from pydantic import ValidationError

from pipeline.apps.base import App, ChecksSecrets
from pipeline.apps.webhook_secrets import NAME as WEBHOOK_SECRET
from pipeline.apps.webhook_secrets import webhook_secrets
from pipeline.control.apply import Applier, ControlWriter, Done
from pipeline.control.connections import connect, locked, same_secrets
from pipeline.control.files import ConnectionForm
from pipeline.control.forms import TYPED, TypedDocument, id_for, typed_connection
from pipeline.control.hooks import hook_tokens, resealed_hook, sealed_tokens
from pipeline.control.places import Fault, Faults
from pipeline.control.plan import make_plan
from pipeline.control.secrets import SecretBox, open_secrets, secret_name
from pipeline.control.snapshot import Controlled, ControlSnapshot, credentials_hash
from pipeline.errors import Conflict
from pipeline.schemas.records import Connection

BOTH = 2
"""Webhook secrets, and tokens of addresses, that are good while one takes the place of the other."""


class Store(ControlWriter, Protocol):
    def remove(self, records: Iterable[Controlled]) -> None: ...


class Here(Protocol):
    """What these functions need of an installation."""

    @property
    def apps(self) -> Mapping[str, App]: ...

    def control(self) -> ControlSnapshot: ...

    def applier(self) -> Applier: ...

    def changing(self) -> AbstractContextManager[tuple[ControlSnapshot, Store]]:
        """What is stored now and where to write; nobody else of this process writes meanwhile."""


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What a person gives. Without an id one is made of the name. `sources` say where a secret is found (`forms`)."""

    app: str
    name: str = ""
    id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sources: Mapping[str, str] = field(default_factory=dict)


async def add(here: Here, new: NewConnection, *, within: str = "") -> Done:
    """Exchange what was typed, store it, and run the start-up checks.

    It is stored though a check fails: a self client code works once, and what is missing can be mended in the app.
    Raises `Faults` with all that is wrong, their places below `within`; `Conflict` where the id is taken; the
    `EffectError`s where the app refuses the credentials or cannot be asked: then nothing is stored.
    """
    stored, applier = here.control(), here.applier()
    id = new.id or id_for(new.name, new.app, stored.connections)
    if id in stored.connections:
        raise Conflict(f"connection {id!r} is there already: choose another id, or rotate its credentials")
    desired = typed_connection(
        id=id,
        app=new.app,
        name=new.name or None,
        settings=new.settings,
        secrets={name: value.strip() for name, value in new.secrets.items()},
        sources=new.sources,
        within=within,
    )
    # Stored rows do not matter to a connection that is not there yet.
    (planned,) = make_plan(desired, ControlSnapshot(), here.apps, applier.check_flow, applier.box).connections
    record = await applier.exchange(planned)
    _write(here, None, record)
    return replace(await applier.test(record), what="create")


async def rotate(
    here: Here, id: str, secrets: Mapping[str, str], *, keep_old: bool = True, within: str = "secrets"
) -> Done:
    """Other secrets for a connection; those that are not given stay. Nothing is stored unless the checks pass.

    `keep_old`: the webhook secret of before stays good beside a new one until `finish`. The same secrets again are not
    exchanged again. Raises `Faults`, `NotThere`, the `EffectError`s.
    """
    stored, applier = here.control().connection(id), here.applier()
    app, box = here.apps[stored.app], applier.box
    lost = locked(stored, box)
    kept = {} if lost else open_secrets(id, stored.secrets, box)
    given = {name: value.strip() for name, value in secrets.items()}
    if keep_old and given.get(WEBHOOK_SECRET) and not lost:
        given[WEBHOOK_SECRET] = _beside(given[WEBHOOK_SECRET], kept.get(WEBHOOK_SECRET, ""))
    whole = {name: kept[name] for name in app.secrets if name in kept} | given
    faults = _secret_faults(app, secrets, given, whole, within)
    if faults:
        raise Faults(faults)
    if not lost and same_secrets(stored, given, box):
        return await applier.test(stored)
    if given.keys() == {WEBHOOK_SECRET} and not lost:
        # It is between senders and us: the app is not asked.
        record = _with_secret(stored, WEBHOOK_SECRET, given[WEBHOOK_SECRET], box)
        _write(here, stored, record)
        return Done("connection", id, "update")
    async with applier.opened() as transport:
        record = await connect(
            id=id,
            app=app,
            settings=stored.settings,
            secrets=whole,
            paused=stored.paused,
            box=box,
            transport=transport,
            hook=resealed_hook(stored, box),
            name=stored.name,
        )
    typed = {name: record.typed[name] for name in given}
    record = msgspec.structs.replace(record, typed={**({} if lost else stored.typed), **typed})
    tested = await applier.test(record)
    if tested.good:
        _write(here, stored, record)
        return replace(tested, what="update")
    return replace(tested, what="failed", remedy=f"not written, what was stored stays: {tested.remedy}")


def rotate_hooks(here: Here, id: str) -> Connection:
    """New webhook addresses; those of before stay good until `finish`. Raises `NotThere`, `ConfigurationError`."""
    stored, box = here.control().connection(id), here.applier().box
    record = msgspec.structs.replace(stored, hook=sealed_tokens(stored, box, renew=True, last=BOTH))
    return _write(here, stored, record)


def finish(here: Here, id: str) -> Connection:
    """The webhook secret and the addresses of before end; what came last is good alone."""
    stored, box = here.control().connection(id), here.applier().box
    record = stored
    if stored.hook and len(hook_tokens(stored, box)) > 1:
        record = msgspec.structs.replace(record, hook=sealed_tokens(stored, box, last=1))
    if sealed := stored.secrets.get(WEBHOOK_SECRET):
        held = box.open(secret_name(id, WEBHOOK_SECRET), sealed)
        if len(webhook_secrets(held)) > 1:
            record = _with_secret(record, WEBHOOK_SECRET, webhook_secrets(held)[0], box)
    return record if record is stored else _write(here, stored, record)


def rename(here: Here, id: str, name: str, *, within: str = "") -> Connection:
    """What people call it. The id stays: records, pairs of ids and webhook addresses hold it.

    Raises `Faults`, `NotThere`.
    """
    stored = here.control().connection(id)
    try:
        said = ConnectionForm.model_validate({"id": id, "app": stored.app, "name": name}).name or ""
    except ValidationError as error:
        document = TypedDocument(TYPED, {}, {}, within)
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise Faults([document.fault(fault["msg"], "name") for fault in faults]) from None
    return stored if said == stored.name else _write(here, stored, msgspec.structs.replace(stored, name=said))


def set_paused(here: Here, id: str, paused: bool, *, anew: bool = False) -> bool:
    """Whether that changed it. Workers follow: calls under way end, no other starts.

    `anew` writes the row as it is: a connection's owner takes any new row for a sign that somebody has mended it.
    """
    with here.changing() as (control, store):
        stored = control.connection(id)
        changed = stored.paused != paused
        if changed or anew:
            store.write([msgspec.structs.replace(stored, paused=paused)])
    return changed


def remove(here: Here, id: str, *, dry: bool = False) -> Connection:
    """Forget it. What was made in the app stays, and so do the pairs of ids. Raises `Conflict` that names its links."""
    with here.changing() as (control, store):
        stored = control.connection(id)
        links = links_of(control, id)
        if links:
            raise Conflict(f"connection {id!r} is used by link {', '.join(links)}: remove these first")
        if not dry:
            store.remove([stored])
    return stored


def links_of(control: ControlSnapshot, id: str) -> list[str]:
    """Links that use a connection, switched on or not."""
    return sorted(link.id for link in control.links.values() if id in link.connections.values())


def _write(here: Here, old: Connection | None, new: Connection) -> Connection:
    """Raises `Conflict` where somebody else has changed the row meanwhile."""
    with here.changing() as (control, store):
        if control.connections.get(new.id) != old:
            raise Conflict(
                f"connection {new.id!r} was changed by somebody else meanwhile: nothing was written; look again"
            )
        store.write([new])
    return new


def _with_secret(connection: Connection, name: str, value: str, box: SecretBox) -> Connection:
    """`connection` with one secret replaced, of which its owner does not have to know: it goes on with its token."""
    bound = secret_name(connection.id, name)
    return msgspec.structs.replace(
        connection,
        secrets={**connection.secrets, name: box.seal(bound, value)},
        typed={**connection.typed, name: box.fingerprint(bound, value)},
        credentials=credentials_hash(connection),
    )


def _beside(new: str, old: str) -> str:
    """The new one and, of those before, the latest other one."""
    fresh = webhook_secrets(new)
    before = [secret for secret in webhook_secrets(old) if secret not in fresh]
    return ",".join([*fresh, *before][: max(BOTH, len(fresh))])


def _secret_faults(
    app: App, typed: Mapping[str, str], given: Mapping[str, str], whole: Mapping[str, str], within: str
) -> list[Fault]:
    if not typed:
        return [Fault(within, f"give at least one of: {', '.join(app.secrets)}")]
    faults = [
        Fault(f"{within}.{name}", f"{app.name} has no such secret; it has: {', '.join(app.secrets)}")
        for name in typed.keys() - app.secrets.keys()
    ]
    faults += [Fault(f"{within}.{name}", "is empty") for name, value in given.items() if not value]
    if isinstance(app, ChecksSecrets):
        said = {fault.place for fault in faults}
        found = [Fault(f"{within}.{name}", message) for name, message in app.secret_faults(whole)]
        faults += [fault for fault in found if fault.place not in said]
    return sorted(faults, key=lambda fault: fault.place)
