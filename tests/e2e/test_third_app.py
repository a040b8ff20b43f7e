"""A third app that pip installed beside the pipeline: flows into it and out of it, with no edit to the pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipeline.cli.run import Role
from pipeline.gateway.hooks import signed_path
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.settle import Watchman
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.serve import Served, serve_in_thread
from pipeline.sandbox.wire import Json
from pipeline.schemas.records import Result, Status, Verdict
from tests.e2e.conftest import running
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.events import account_created
from tests.e2e.machine import PATIENCE, Machine
from tests.third.installed import environment, on_the_path
from tests.third.twin import KEY, SECRET, CrmTwin, tell

CRM = "crm-main"
FLOWS = Path(__file__).parents[1] / "third" / "flows"


@dataclass
class Office:
    """The machine with three apps connected, all roles running."""

    machine: Machine
    crm: Served[CrmTwin]

    @property
    def hook(self) -> str:
        """The address that the CRM sends its webhooks to."""
        return self.machine.gateway + signed_path("tinycrm", CRM)

    def company(self, account: str) -> Json:
        """The one company under the account's id."""
        (found,) = [each for each in self.crm.twin.companies.values() if each["external_id"] == account]
        return found

    def results(self, step: str, subject: str) -> list[Result]:
        return [each for each in self.machine.record.results if (each.step, each.subject) == (step, subject)]

    def until_ended(self, step: str, subject: str, times: int = 1) -> Result:
        self.machine.until(
            lambda: len(self.results(step, subject)) == times, f"{step} of {subject} has ended {times} times"
        )
        return self.results(step, subject)[-1]

    def counterparts(self, id_: str) -> set[tuple[str, str, str]]:
        """By the command that an operator types."""
        done = self.machine.pipeline("mapping", "get", id_, "--json")
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {(row["other"]["app"], row["other"]["type"], row["other"]["id"]) for row in rows}

    def settled(self) -> None:
        here = self.machine.here
        Watchman(here.access, here.topics, here.codec).settled(timeout=PATIENCE)

    def writes(self) -> int:
        return self.machine.twins.writing_calls() + sum(entry.writing for entry in self.crm.ledger.entries)


@pytest.fixture
def office(kafka: KafkaAccess, tmp_path: Path) -> Iterator[Office]:
    with (
        on_the_path(),
        serve_in_thread(CrmTwin()) as crm,
        running(kafka, tmp_path, environment=environment()) as machine,
    ):
        done = machine.apply(_control(machine, crm, tmp_path))
        assert all(item.good for item in done.values()), done
        machine.start(Role.GATEWAY, Role.AGENTS, Role.SINKS)
        machine.until_ready()
        yield Office(machine, crm)


def _control(machine: Machine, crm: Served[CrmTwin], directory: Path) -> Path:
    settings = {"base_url": crm.base_url, "calls_per_second": 1000, "quiet_seconds": 1}
    secrets = {}
    for name, value in (("api_key", KEY), ("webhook_secret", SECRET)):
        (directory / name).write_text(value, encoding="utf-8")
        secrets[name] = {"file": name}
    pairs = (
        ("togai-account-to-tinycrm-company", {"togai": TOGAI, "tinycrm": CRM}),
        ("tinycrm-company-to-zohobooks-contact", {"tinycrm": CRM, "zohobooks": BOOKS}),
    )
    asked = {
        "connections": [
            machine.control.togai(),
            machine.control.books(),
            {"id": CRM, "app": "tinycrm", "settings": settings, "secrets": secrets},
        ],
        "flows": [str(FLOWS / "*.yaml")],
        "links": [{"id": flow, "flow": flow, "connections": connections} for flow, connections in pairs],
    }
    file = directory / "three.yaml"
    file.write_text(yaml.safe_dump(asked), encoding="utf-8")
    return file


def test_a_third_app_takes_part_on_either_side_and_its_ids_are_found_from_both(office: Office) -> None:
    machine, twins = office.machine, office.machine.twins
    first, second = twins.bulk(2, 0, seed=40).contacts

    # Togai to the CRM; the first answer is lost, and the company is there once.
    office.crm.place(Fault(effect="lose_answer", method="PUT", path=f"/v1/companies/external/{first}"))
    machine.send([account_created(twins.account(account)) for account in (first, second)])
    for account in (first, second):
        assert office.until_ended("setting", account).status is Status.SUCCEEDED
        company = office.company(account)
        assert company["name"] == twins.account(account)["name"]
        assert twins.setting("ACCOUNT", account, "CrmCompanyId") == company["id"]
        assert office.counterparts(account) >= {("tinycrm", "company", company["id"])}
        assert office.counterparts(company["id"]) >= {("togai", "account", account)}
    assert office.results("company", first)[0].settled == "repeat"

    # The CRM to Zoho Books: its webhook is a hint, the company is fetched, and our own write there stops nobody else.
    company = office.company(first)
    assert tell(office.hook, company, key=b"another key") == 401
    assert tell(office.hook, company) == 202
    office.until_ended("contact", company["id"])
    contact = twins.one("contacts", f"crm.{company['id']}")
    assert contact["contact_name"] == company["name"]
    assert office.counterparts(company["id"]) >= {("zohobooks", "contact", contact["contact_id"])}
    assert office.counterparts(contact["contact_id"]) == {("tinycrm", "company", company["id"])}

    # What a person changes there goes on; a lead does not; a company that the CRM refuses is refused with its words.
    fields = {"name": "Renamed Ltd", "email": "ap@renamed.example"}
    changed = office.crm.call(lambda: office.crm.twin.save(fields, id_=company["id"]))
    assert tell(office.hook, changed) == 202
    office.until_ended("contact", company["id"], times=2)
    assert twins.one("contacts", f"crm.{company['id']}")["contact_name"] == "Renamed Ltd"
    lead = office.crm.call(lambda: office.crm.twin.save({"name": "Perhaps", "stage": "lead"}))
    assert tell(office.hook, lead) == 202
    machine.until(
        lambda: any(
            each.subject == lead["id"] and each.verdict is Verdict.NOT_MATCHED for each in machine.record.decisions
        ),
        "the lead is decided",
    )
    long = {"id": "long", "name": "N" * 121}
    machine.send([account_created(twins.account(second) | long, id_="too-long")])
    refused = office.until_ended("company", "long")
    assert refused.status is Status.REFUSED
    assert refused.cause is not None
    assert "1 to 120 characters" in refused.cause.message

    # What is told again, and everything sent again, makes no writing call.
    writes = office.writes()
    assert tell(office.hook, changed) == 202
    office.settled()
    done = machine.pipeline("replay", "--since", "2000-01-01", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    office.settled()
    assert office.writes() == writes
    assert office.crm.twin.objects() == {"companies": 3, "duplicates": 0}
