"""An app, a flow check and a writer for the tests of applying: small, but they behave."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from pydantic import BaseModel, ConfigDict

from pipeline.apps.base import App, Request, Response, Transport
from pipeline.control.places import Fault, Faults
from pipeline.control.snapshot import Controlled, ControlSnapshot, ControlTable, control_key
from pipeline.errors import Stopped
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import Link


class BooksSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    organization: str
    data_centre: str = "com"


class TogaiSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")


@dataclass
class Vendor:
    """The far side: a code works once, and the organisation may lack what is needed."""

    used: list[str] = field(default_factory=list)
    missing: str = ""


class NoTransport:
    async def send(self, base_url: str, request: Request) -> Response:
        raise AssertionError("this app asks its vendor directly")


class Session:
    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor

    async def check(self) -> Mapping[str, Any]:
        if self.vendor.missing:
            raise Stopped(f"custom field {self.vendor.missing} does not exist: create it in Settings > Preferences")
        return {"organization": "10234695"}

    async def close(self) -> None: ...


class BooksApp:
    name = "zohobooks"
    settings = BooksSettings
    secrets = {"client_secret": "of the self client", "code": "self client code"}

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor

    async def connect(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str], transport: Transport
    ) -> Mapping[str, str]:
        if secrets["code"] in self.vendor.used or not secrets["code"].startswith("1000."):
            raise Stopped("invalid_code: the self client code was used or is older than its duration; make a new one")
        self.vendor.used.append(secrets["code"])
        return {"client_secret": secrets["client_secret"], "refresh_token": f"refresh-{len(self.vendor.used)}"}

    def session(self, **_: Any) -> Session:
        return Session(self.vendor)


class TogaiApp:
    name = "togai"
    settings = TogaiSettings
    secrets = {"api_token": "from Admin Center"}

    async def connect(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str], transport: Transport
    ) -> Mapping[str, str]:
        return dict(secrets)

    def session(self, **_: Any) -> Session:
        return Session(Vendor())


def apps(vendor: Vendor) -> Mapping[str, App]:
    return {"togai": cast(App, TogaiApp()), "zohobooks": cast(App, BooksApp(vendor))}


@dataclass(frozen=True)
class SmallFlow:
    id: str
    version: str
    apps: Collection[str] = ("togai", "zohobooks")
    known: Collection[str] = ("setting",)
    event_type: str = "togai.account.created"

    def option_faults(self, options: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        return [(name, f"unknown; known are {', '.join(self.known)}") for name in options if name not in self.known]

    def rivals(self, link: Link, other: Any, other_link: Link) -> Sequence[str]:
        """All flows write the same; `setting: <word>` says which object, where it is given."""
        same = link.connections == other_link.connections and link.options == other_link.options
        return ["zohobooks upsert_contact"] if same else []


def check_flow(text: str, file: str) -> SmallFlow:
    """A flow is ``name: <id>`` and, on further lines, anything; the word `bad` is a fault."""
    first = text.splitlines()[0]
    if "bad" in text:
        raise Faults([Fault(f"{file}:1:7", "bad expression"), Fault(f"{file}:2:1", "no trigger")])
    return SmallFlow(first.removeprefix("name: "), content_hash(text))


@dataclass
class Rows:
    """A control topic in memory."""

    table: ControlTable = field(default_factory=lambda: ControlTable(Codec()))
    written: list[Controlled] = field(default_factory=list)

    def write(self, records: Iterable[Controlled]) -> None:
        for record in records:
            self.written.append(record)
            self.table.take(control_key(record), msgspec.json.encode(record))

    def snapshot(self) -> ControlSnapshot:
        return self.table.snapshot()
