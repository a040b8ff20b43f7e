"""Flows and links over the two toy apps, with a control topic in memory and a catalogue of one flow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.control.files import Desired
from pipeline.control.manage.flows import Flows
from pipeline.control.manage.links import Links
from pipeline.control.plan import make_plan
from pipeline.control.planned import ApplyPlan
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import Controlled, ControlSnapshot, control_key
from pipeline.operations.installation import flow_check
from pipeline.schemas.records import Connection
from tests.control.parts import Rows
from tests.flows.toy import FLOW, toy_apps

READY = FLOW.replace("id: orders", "id: ready-orders").replace(
    "name: Orders to the book\n",
    "name: Orders to the book\ndescription: Keeps each order.\nvisibility: public\ntags: [shop, money]\n",
)
OWN = FLOW.replace("name: Orders to the book", "name: My own orders")
BOTH = {"togai": "shop-1", "book": "book-1"}


@dataclass
class Shelf:
    """What is stored, and the functions over what is stored at each moment."""

    rows: Rows = field(default_factory=Rows)

    def __post_init__(self) -> None:
        self.apps = toy_apps()
        self.check = flow_check(self.apps)
        for id, app in (("shop-1", "togai"), ("shop-2", "togai"), ("book-1", "book"), ("book-2", "book")):
            self.write([Connection(id=id, app=app)])

    @property
    def flows(self) -> Flows:
        return Flows(self.rows.snapshot(), [("configs/flows/ready-orders.yaml", READY)], self.check, self._plan)

    @property
    def links(self) -> Links:
        return Links(self.flows, self._plan)

    def write(self, records: Iterable[Controlled]) -> None:
        self.rows.write(records)

    def remove(self, records: Iterable[Controlled]) -> None:
        for record in records:
            self.rows.table.take(control_key(record), None)

    def _plan(self, desired: Desired, stored: ControlSnapshot, move_links: bool) -> ApplyPlan:
        return make_plan(desired, stored, self.apps, self.check, SecretBox({"a": b"k" * 32}), move_links=move_links)
