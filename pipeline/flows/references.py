"""``${…}``: what a template may read, and fast getters for it.

    ${trigger.data.a.b}   the event's data            ${document.a.b}      the neutral document of the event's object
    ${trigger.subject}    the envelope: subject,      ${options.x}         an option of the link
                          party, connection, app,     ${steps.<id>.<f>}    what an earlier action gave
                          type, id, version

A `?` at the end makes a reference optional: where the value is missing, the entry is left out.
``$${`` is a plain ``${``. A value that is null counts as missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

ENVELOPE = ("subject", "party", "connection", "app", "type", "id", "version")

_MARK = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_SEGMENTS = re.compile(r"[^.\s{}?$]+(\.[^.\s{}?$]+)*")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference; `text` (without `?`) names its value everywhere, also in `Run.trigger`."""

    text: str
    root: str
    path: tuple[str, ...]
    optional: bool = False

    @property
    def from_event(self) -> bool:
        """Whether its value is found in the event alone and must be kept in the run for later actions."""
        return self.root == "document" or (self.root == "trigger" and self.path[0] == "data")


class BadReference(Exception):
    """The text between the braces is no reference; `offset` is where it stands."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def split(text: str) -> Iterator[tuple[int, str | Reference]]:
    """The literal parts and references of a string, each with its offset. Raises `BadReference`."""
    done = 0
    for match in _MARK.finditer(text):
        if match.start() > done:
            yield done, text[done : match.start()]
        done = match.end()
        if match.group() == "$${":
            yield match.start(), "${"
        elif match.group(1) is None:
            raise BadReference("a reference is not closed: write ${…}", match.start())
        else:
            yield match.start(), _reference(match.group(1).strip(), match.start())
    if done < len(text):
        yield done, text[done:]


def _reference(text: str, offset: int) -> Reference:
    optional = text.endswith("?")
    text = text.removesuffix("?").rstrip()
    if not _SEGMENTS.fullmatch(text):
        raise BadReference(f"{text!r} is no reference: write words joined by dots", offset)
    root, *path = text.split(".")
    match root:
        case "trigger" if (path and path[0] == "data") or (len(path) == 1 and path[0] in ENVELOPE):
            pass
        case "trigger":
            raise BadReference(f"a trigger has data and {', '.join(ENVELOPE)}; not {text!r}", offset)
        case "document":
            pass
        case "options" if len(path) == 1:
            pass
        case "options":
            raise BadReference(f"an option is read as options.<name>, not {text!r}", offset)
        case "steps" if len(path) >= 2:
            pass
        case "steps":
            raise BadReference(f"an output is read as steps.<action id>.<field>, not {text!r}", offset)
        case _:
            raise BadReference(f"nothing is called {root!r}: there are trigger, document, options and steps", offset)
    return Reference(text, root, tuple(path), optional)


def getter(path: tuple[str, ...]) -> Callable[[Any], Any]:
    """Reads `path` from nested maps and structs; None where it leads nowhere."""
    if len(path) == 1:
        (name,) = path

        def one(value: Any) -> Any:
            if type(value) is dict:
                return value.get(name)
            return getattr(value, name, None) if isinstance(value, msgspec.Struct) else None

        return one

    def walk(value: Any) -> Any:
        for segment in path:
            if type(value) is dict:
                value = value.get(segment)
            elif isinstance(value, msgspec.Struct):
                value = getattr(value, segment, None)
            else:
                return None
        return value

    return walk
