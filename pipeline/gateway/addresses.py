"""Where an app is to send the webhooks of a connection, and what a person does there so that it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.apps.base import App, GuidesHooks, SignsHooks
from pipeline.apps.webhook_secrets import NAME as WEBHOOK_SECRET
from pipeline.control.hooks import hook_token
from pipeline.control.secrets import SecretBox
from pipeline.gateway.hooks import ANY, hook_path, signed_path
from pipeline.schemas.records import Connection


@dataclass(frozen=True, slots=True)
class Address:
    """One to be registered. `path` is without scheme and host; it is a secret unless `signed`.

    `when` says at which moment the app is to call it, in the app's own words, "" where it does not say.
    """

    kind: str
    path: str
    signed: bool
    when: str = ""


@dataclass(frozen=True, slots=True)
class Addresses:
    """`say` is for the person, line by line."""

    say: Sequence[str]
    hooks: Sequence[Address]


def addresses(app: App, connection: Connection, box: SecretBox) -> Addresses:
    """One for each trigger whose object can be fetched. Raises `ConfigurationError` where a token has lost its key."""
    kinds = [kind for kind, trigger in app.triggers.items() if trigger.fetch]
    say, rules = (list(app.hook_steps), app.hook_rules) if isinstance(app, GuidesHooks) else ([], {})
    has_secret = WEBHOOK_SECRET in connection.secrets
    if isinstance(app, SignsHooks):
        if not has_secret:
            say.append(
                f"Connection {connection.id} has no {WEBHOOK_SECRET} yet: until it has, all webhooks are refused."
            )
        return Addresses(
            say,
            [
                Address(kind, signed_path(app.name, connection.id, kind), signed=True, when=rules.get(kind, ""))
                for kind in kinds
            ],
        )
    token = hook_token(connection, box)
    say.append(f"{app.title} signs nothing: these addresses are secrets.")
    found = [Address(kind, hook_path(app.name, connection.id, kind, box, token=token), signed=False) for kind in kinds]
    if has_secret:
        say.append(f"Address {ANY!r} is for senders that sign as Standard Webhooks says, with the {WEBHOOK_SECRET}.")
        found.append(Address(ANY, signed_path(app.name, connection.id), signed=True))
    return Addresses(say, found)
