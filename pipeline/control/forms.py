"""A connection as typed at a prompt or in a form, brought to what files come to."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from pipeline.control.files import ConnectionForm, Desired, SecretSource, Written, form_faults
from pipeline.control.places import Document, Fault, Faults

TYPED = Path("typed")
_LONGEST = 48


@dataclass(frozen=True, slots=True)
class TypedDocument(Document):
    """What was typed has no lines: a place is the name of its field, below `within`."""

    within: str = ""

    def place(self, *path: str | int) -> str:
        return ".".join(map(str, filter(None, (self.within, *path)))) or str(self.file)

    def fault(self, message: str, *path: str | int) -> Fault:
        """Without the field's name before the message: the place says it."""
        for name in (".".join(map(str, path)), str(path[-1]) if path else ""):
            message = message.removeprefix(f"{name}: ") if name else message
        return Fault(self.place(*path), message)


class TypedSecret(SecretSource):
    """A secret in hand. It is shown nowhere."""

    value: SecretStr = SecretStr("")

    def read(self, beside: Path) -> str | None:
        return self.value.get_secret_value() or None

    def __str__(self) -> str:
        return "what was typed"


def typed_connection(
    *,
    id: str,
    app: str,
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    sources: Mapping[str, str],
    name: str | None = None,
    within: str = "",
) -> Desired:
    """`secrets` are values; `sources` say where one is found, as ``env:NAME`` or ``file:PATH``. Raises `Faults` for a
    source that is none. Other faults are in what it gives, beside those that planning finds."""
    document, found = TypedDocument(TYPED, {}, {}, within), secret_sources(sources)
    typed = {field: TypedSecret.model_construct(value=SecretStr(value)) for field, value in secrets.items()}
    given = {"id": id, "app": app, "settings": dict(settings), "name": name}
    faults: list[Fault] = []
    try:
        form = ConnectionForm.model_validate(given)
    except ValidationError as error:
        faults = form_faults(error, document)
        form = ConnectionForm.model_construct(id=id, app=app, settings=dict(settings), secrets={})
    form = form.model_copy(update={"secrets": {**found, **typed}})
    return Desired(connections=(Written(form, document, ()),), faults=tuple(faults))


def secret_sources(sources: Mapping[str, str]) -> dict[str, SecretSource]:
    """``env:NAME`` or ``file:PATH`` each. Raises `Faults`, which do not repeat what may be the secret itself."""
    found: dict[str, SecretSource] = {}
    faults: list[Fault] = []
    for field, text in sources.items():
        kind, colon, place = text.partition(":")
        if not colon or kind not in ("env", "file") or not place:
            faults.append(Fault(f"secret {field}", "say where it is found: env:NAME or file:PATH"))
            continue
        found[field] = SecretSource.model_validate({kind: str(Path(place).absolute()) if kind == "file" else place})
    if faults:
        raise Faults(faults)
    return found


def id_for(name: str, app: str, taken: Collection[str]) -> str:
    """An id for what a person calls a connection: its letters and digits, and a number where that one is taken."""
    made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-") or app
    numbered = (made if number == 1 else f"{made}-{number}" for number in range(1, len(taken) + 2))
    return next(id for id in numbered if id not in taken)
