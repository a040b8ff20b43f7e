"""The files that `pipeline apply` reads: connections, flows and links, with the place of every part.

    connections:
      - {id: togai-main, app: togai, settings: {}, secrets: {api_token: {env: TOGAI_API_TOKEN}}}
    flows: [flows/*.yaml]        # relative to this file
    links:
      - {id: accounts, flow: accounts-to-contacts, connections: {togai: togai-main, zohobooks: books-main}}

Any other YAML document is taken for a flow. Secrets are never written in a file, only where they are to be found.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from pipeline.control.places import Document, Fault, Faults, read_documents

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Ids are parts of Kafka keys and addresses: letters, digits, dot, underscore, hyphen; at most 64."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]*$")]
"""What people call a connection."""

SECTIONS = frozenset({"connections", "flows", "links"})


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSource(_Form):
    """Where a secret is found when the file is applied: a variable of the environment, or a file of its own."""

    env: str = ""
    file: str = ""

    @model_validator(mode="before")
    @classmethod
    def _no_plain_text(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and len(value) == 1 and set(value) <= {"env", "file"}:
            return value
        raise ValueError("a secret is not written here: say {env: NAME} or {file: PATH}")

    def read(self, beside: Path) -> str | None:
        """The secret without its line end; None where there is none. A relative path is beside the file."""
        if self.env:
            return os.environ.get(self.env) or None
        try:
            return (beside / self.file).expanduser().read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}"


class ConnectionForm(_Form):
    """Credentials of one app, as a person writes them. `paused` and `name` left out stay as an operator set them."""

    id: Id
    app: str
    name: Name | None = None
    settings: dict[str, Any] = {}
    secrets: dict[str, SecretSource] = {}
    paused: bool | None = None


class LinkForm(_Form):
    """A flow switched on, as a person writes it: one connection id for each app of the flow.

    `version` of the flow, where it shall not be the one that was applied last.
    """

    id: Id
    flow: str
    connections: dict[str, str]
    options: dict[str, Any] = {}
    enabled: bool = True
    version: str = ""


class ControlForm(_Form):
    """One document of a control file."""

    connections: list[ConnectionForm] = []
    flows: list[str] = Field([], description="Flow files, relative to this one; patterns like flows/*.yaml")
    links: list[LinkForm] = []


@dataclass(frozen=True, slots=True)
class Written:
    """A form and where it stands: `path` is its place in the document."""

    form: Any
    document: Document
    path: tuple[str | int, ...]

    def fault(self, message: str, *path: str | int) -> Fault:
        return self.document.fault(message, *self.path, *path)


@dataclass(frozen=True, slots=True)
class Desired:
    """All that the files ask for, before it is compared with what there is. `flows` are files with their texts."""

    connections: tuple[Written, ...] = ()
    links: tuple[Written, ...] = ()
    flows: tuple[tuple[Path, str], ...] = ()
    faults: tuple[Fault, ...] = field(default=())


def read_files(paths: Iterable[Path]) -> Desired:
    """Read control files, flow files, and folders of either. Faults are collected, nothing is raised."""
    reader = _Reader()
    for path in paths:
        reader.read(path)
    return reader.desired()


class _Reader:
    def __init__(self) -> None:
        self.connections: list[Written] = []
        self.links: list[Written] = []
        self.flows: dict[Path, str] = {}
        self.faults: list[Fault] = []

    def desired(self) -> Desired:
        return Desired(tuple(self.connections), tuple(self.links), tuple(self.flows.items()), tuple(self.faults))

    def read(self, path: Path) -> None:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"} and not _is_test(file))
            if not inside:
                self.faults.append(Fault(str(path), "there is no .yaml file in this folder"))
            for file in inside:
                self.read(file)
            return
        try:
            documents = read_documents(path)
        except Faults as faults:
            self.faults.extend(faults.faults)
            return
        if not documents:
            self.faults.append(Fault(str(path), "is empty"))
        for document in documents:
            if isinstance(document.value, dict) and SECTIONS & document.value.keys():
                self._control(document)
            else:
                self._flow(path)

    def _flow(self, path: Path) -> None:
        self.flows.setdefault(path, path.read_text(encoding="utf-8"))

    def _control(self, document: Document) -> None:
        try:
            form = ControlForm.model_validate(document.value)
        except ValidationError as error:
            self.faults.extend(form_faults(error, document))
            return
        self.connections += [Written(c, document, ("connections", i)) for i, c in enumerate(form.connections)]
        self.links += [Written(link, document, ("links", i)) for i, link in enumerate(form.links)]
        for index, pattern in enumerate(form.flows):
            files = [file for file in _matching(document.file.parent, pattern) if not _is_test(file)]
            if not files:
                self.faults.append(document.fault(f"no flow file matches {pattern!r}", "flows", index))
            for file in files:
                try:
                    self._flow(file)
                except (OSError, UnicodeDecodeError) as error:
                    self.faults.append(document.fault(f"{file} cannot be read: {error}", "flows", index))


def _matching(beside: Path, pattern: str) -> list[Path]:
    """The files of a pattern, which may be absolute, in the order of their names."""
    anchor = Path(pattern).anchor
    return sorted(Path(anchor).glob(pattern.removeprefix(anchor)) if anchor else beside.glob(pattern))


def _is_test(file: Path) -> bool:
    """Tests of a flow stand beside it (`flows.files`)."""
    return file.name.endswith(".test.yaml")


def form_faults(error: ValidationError, document: Document, *prefix: str | int) -> list[Fault]:
    """A form's faults, each at the line and column of its part. What was written there is not repeated."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        location = (*prefix, *fault["loc"])
        name = ".".join(map(str, location))
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(document.fault(f"{name}: {message}" if name else message, *location))
    return faults
