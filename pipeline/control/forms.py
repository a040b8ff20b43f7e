"""A connection as typed at a prompt or in a form, brought to what files come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from pipeline.control.files import ConnectionForm, Desired, SecretSource, Written, form_faults
from pipeline.control.places import Document, Fault, Faults

TYPED = Path("typed")


class TypedSecret(SecretSource):
    """A secret in hand. It is shown nowhere."""

    value: SecretStr = SecretStr("")

    def read(self, beside: Path) -> str | None:
        return self.value.get_secret_value() or None

    def __str__(self) -> str:
        return "what was typed"


def typed_connection(
    *, id: str, app: str, settings: Mapping[str, Any], secrets: Mapping[str, str], sources: Mapping[str, str]
) -> Desired:
    """`secrets` are values; `sources` say where one is found, as ``env:NAME`` or ``file:PATH``. Raises `Faults`."""
    document = Document(TYPED, {}, {})
    found: dict[str, SecretSource] = {}
    for name, text in sources.items():
        kind, colon, place = text.partition(":")
        if not colon or kind not in ("env", "file") or not place:
            raise Faults([Fault(f"secret {name}", "say where it is found: env:NAME or file:PATH")])
        found[name] = SecretSource.model_validate({kind: str(Path(place).absolute()) if kind == "file" else place})
    try:
        form = ConnectionForm.model_validate({"id": id, "app": app, "settings": dict(settings)})
    except ValidationError as error:
        raise Faults(form_faults(error, document)) from None
    typed = {name: TypedSecret.model_construct(value=SecretStr(value)) for name, value in secrets.items()}
    return Desired(connections=(Written(form.model_copy(update={"secrets": {**found, **typed}}), document, ()),))
