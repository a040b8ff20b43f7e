"""Bad input: each has one clear result that says what is wrong, and the events around it flow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pipeline.cli.run import Role
from pipeline.control.apply import Done
from pipeline.control.secrets import load_secret_box, open_secrets
from pipeline.kafka.clients import KafkaAccess
from pipeline.sandbox.config import Organization
from pipeline.sandbox.wire import Json, encode
from pipeline.schemas.records import Command, Decision, Result, Run, Status, Verdict, mapping_scope
from tests.e2e.conftest import running
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.events import account_created, invoice_generated
from tests.e2e.machine import Machine
from tests.e2e.twins import NO_LIMITS

GOOD = (Status.SUCCEEDED, Status.UNCHANGED)
BARE = Organization(id="20000001", name="Without custom fields", limits=NO_LIMITS)


@pytest.fixture(scope="module")
def machine(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all tests here: connected, agents and sinks running."""
    with running(kafka, tmp_path_factory.mktemp("bad"), [BARE]) as made:
        made.connect()
        made.start(Role.AGENTS, Role.SINKS)
        yield made


class Around:
    """Good events of one account, before and after what a test sends with the same key."""

    def __init__(self, machine: Machine, seed: int) -> None:
        made = machine.twins.bulk(1, 1, seed=seed)
        self._machine = machine
        self.account = machine.twins.account(made.contacts[0])
        self.invoice = machine.twins.invoice(made.arriving[0].id)
        machine.send([account_created(self.account)])

    @property
    def id(self) -> str:
        return str(self.account["id"])

    @property
    def key(self) -> bytes:
        return f"{TOGAI}/{self.id}".encode()

    def put(self, value: bytes) -> None:
        """Onto the events topic, as it is."""
        self._machine.send_raw(self._machine.here.topics.events("togai"), [(self.key, value)])

    def flow(self) -> None:
        """The second good event; both arrive in Zoho Books and are known in Togai."""
        self._machine.send([invoice_generated(self.invoice)])
        self._machine.until(lambda: {self.id, self.invoice["id"]} <= self._arrived(), f"those of {self.id} arrive")

    def _arrived(self) -> set[str]:
        results = self._machine.record.results
        return {each.subject for each in results if each.step == "setting" and each.status in GOOD}


_SEEDS = itertools.count(1)


@pytest.fixture
def around(machine: Machine) -> Around:
    return Around(machine, next(_SEEDS))


# --- what is no event ---------------------------------------------------------------------------------------------


def _event(**changed: object) -> bytes:
    """A good event but for `changed`; None leaves an attribute out."""
    event = {
        "specversion": "1.0",
        "id": "bad-1",
        "source": f"togai/{TOGAI}",
        "type": "togai.account.created",
        "subject": "someone",
        "data": {"id": "someone", "name": "Someone"},
    }
    return encode({name: value for name, value in (event | changed).items() if value is not None})


UNREADABLE = {
    "broken JSON": (b'{"specversion": "1.0", "id": ', "not_json", "JSON"),
    "a wrong magic byte": (b"\x07\x00\x00\x00\x01rest", "wrong_magic_byte", "0x07"),
    "no subject": (_event(subject=None, data={"name": "Nobody"}), "no_subject", "no `subject`"),
    "an unknown app": (_event(type="slack.message.sent"), "unknown_app", "there are togai, zohobooks"),
    "an unknown trigger": (_event(type="togai.account.exploded"), "unknown_trigger", "togai.account.created"),
    "no connection": (_event(source="somewhere"), "no_connection", "togai/<connection>"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_record_that_is_no_event_becomes_one_dead_letter_that_says_why(
    machine: Machine, around: Around, name: str
) -> None:
    value, code, words = UNREADABLE[name]
    decided = len(machine.record.decisions)
    around.put(value)
    around.flow()

    machine.until(lambda: any(letter.value == value for letter in machine.record.dead_letters), "it is a dead letter")
    (letter,) = [letter for letter in machine.record.dead_letters if letter.value == value]
    assert letter.cause.code == code
    assert words in letter.cause.message
    assert (letter.topic, letter.key) == (machine.here.topics.events("togai"), around.key)
    assert len(machine.record.decisions) == decided + 2, "only the two good events were decided"


def test_an_event_without_an_id_gets_one_by_its_content_and_flows_once(machine: Machine, around: Around) -> None:
    nameless = account_created(around.account, name=f"{around.id} renamed")
    del nameless["id"]
    around.put(encode(nameless))
    around.put(encode(nameless))
    around.flow()

    assert machine.twins.one("contacts", around.id)["contact_name"] == f"{around.id} renamed"
    verdicts = [each.verdict for each in _decisions(machine, around.id) if each.event_type == "togai.account.created"]
    assert verdicts == [Verdict.MATCHED, Verdict.MATCHED, Verdict.DUPLICATE]


def test_an_event_of_a_connection_that_does_not_exist_fails_and_says_so(machine: Machine, around: Around) -> None:
    stranger = account_created(around.account, id_=f"stranger-{around.id}") | {
        "connection": "nobody",
        "source": "togai/nobody",
    }
    around.put(encode(stranger))
    around.flow()

    (decision,) = [each for each in machine.record.decisions if each.event_id == stranger["id"]]
    assert decision.verdict is Verdict.FAILED
    assert "no connection 'nobody'" in decision.message
    (letter,) = [letter for letter in machine.record.dead_letters if letter.value == encode(stranger)]
    assert letter.cause.message == decision.message


# --- what cannot be booked ----------------------------------------------------------------------------------------


def _lines_that_miss(around: Around) -> Json:
    wrong = around.invoice | {"id": f"wrong-{around.id}", "totalAmount": around.invoice["totalAmount"] + Decimal(100)}
    return invoice_generated(wrong)


def _strange_currency(around: Around) -> Json:
    other = around.account | {"id": f"zloty-{around.id}", "name": f"Zloty {around.id}", "invoiceCurrency": "PLN"}
    return account_created(other)


def _taken_name(around: Around) -> Json:
    return account_created(around.account | {"id": f"twin-{around.id}"})


REFUSED: dict[str, tuple[Callable[[Around], Json], str, str, tuple[str, ...]]] = {
    "lines that do not add up": (_lines_that_miss, "amount", "lines_total", ("the lines add up to", "the total is")),
    "an unknown currency": (_strange_currency, "currency", "", ("PLN is not enabled in Zoho Books",)),
    "a contact name that exists": (_taken_name, "conflict", "3062", ("rename one of the two",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_booked_is_refused_once_with_its_reason_and_a_way_back(
    machine: Machine, around: Around, name: str
) -> None:
    make, kind, code, words = REFUSED[name]
    event = make(around)
    machine.send([event])
    around.flow()

    machine.until(lambda: _refused(machine, event["id"]) != [], "it is refused")
    (refused,) = _refused(machine, event["id"])
    assert refused.cause is not None
    assert (refused.cause.kind, refused.cause.code) == (kind, code)
    assert all(word in refused.cause.message for word in words), refused.cause.message
    assert [each.step for each in machine.record.results_of(event["id"])][-1] == refused.step, "the run ended there"
    (letter,) = [letter for letter in machine.record.dead_letters if letter.command == refused.command]
    assert msgspec.json.decode(letter.value or b"", type=Command).id == refused.command


def test_both_sums_are_shown_for_lines_that_do_not_add_up(machine: Machine, around: Around) -> None:
    event = _lines_that_miss(around)
    machine.send([event])

    machine.until(lambda: _refused(machine, event["id"]) != [], "it is refused")
    (refused,) = _refused(machine, event["id"])
    assert refused.cause is not None
    lines = around.invoice["totalAmount"]
    assert (
        f"add up to {lines.normalize():f} USD, the total is {(lines + 100).normalize():f} USD" in refused.cause.message
    )


def test_a_command_for_an_unknown_action_is_refused_once(machine: Machine, around: Around) -> None:
    command = Command(
        id=f"unknown-action-{around.id}",
        connection=BOOKS,
        app="zohobooks",
        action="paint_it_black",
        party=around.id,
        input={},
        run=Run(
            id=f"run-{around.id}",
            link="",
            flow="",
            flow_version="",
            event_id=f"by-hand-{around.id}",
            event_type="togai.account.created",
            source_connection=TOGAI,
            subject=around.id,
            party=around.id,
        ),
        step="only",
        index=0,
        last=True,
        scope=mapping_scope(TOGAI, BOOKS),
    )
    machine.send_raw(machine.here.topics.commands("zohobooks"), [(BOOKS.encode(), machine.here.codec.encode(command))])
    around.flow()

    machine.until(lambda: _refused(machine, command.run.event_id) != [], "it is refused")
    (refused,) = _refused(machine, command.run.event_id)
    assert refused.cause is not None
    assert (refused.cause.kind, refused.cause.code) == ("unknown", "action")
    assert "paint_it_black" in refused.cause.message


# --- what cannot be connected -------------------------------------------------------------------------------------


def test_a_wrong_self_client_code_makes_no_connection_and_no_link_and_says_what_to_do(
    machine: Machine, around: Around
) -> None:
    control = machine.control
    books = control.books("books-wrong-code", secrets={"self_client_code": "1000.wrong.code"})
    links = control.links("accounts", togai="togai-wrong-code", books="books-wrong-code")
    done = machine.apply(control.write([control.togai("togai-wrong-code"), books], links))

    assert done["books-wrong-code"].what == "failed"
    assert "invalid_code" in done["books-wrong-code"].remedy
    assert "Generate Code" in done["books-wrong-code"].remedy
    assert done["accounts-togai-wrong-code-books-wrong-code"].what == "failed"
    assert "books-wrong-code" not in machine.here.control().connections
    around.flow()


def test_a_refresh_token_that_dies_stops_its_connection_and_its_commands_wait_for_a_new_code(machine: Machine) -> None:
    broken = Broken(machine, "dead")
    assert all(done.good for done in broken.apply().values())
    broken.send("before")
    machine.until(lambda: broken.ended("before"), "it works at first")

    machine.twins.revoke(broken.refresh_token())
    broken.send("waiting")
    broken.is_stopped_while_others_flow("waiting", "invalid_code")

    assert all(done.good for done in broken.apply().values())
    broken.goes_on("waiting")


def test_a_missing_custom_field_stops_its_connection_and_its_commands_wait_until_it_is_there(machine: Machine) -> None:
    broken = Broken(machine, "bare")
    done = broken.apply(organization_id=BARE.id)
    assert "New Custom Field" in done[broken.books].remedy

    broken.send("waiting")
    broken.is_stopped_while_others_flow("waiting", "New Custom Field")

    for field in machine.twins.config.zohobooks.organizations[0].custom_fields:
        machine.twins.define(BARE.id, field)
    assert all(done.good for done in broken.apply(organization_id=BARE.id).values())
    broken.goes_on("waiting")


class Broken:
    """A pair of connections of their own, of which the one of Zoho Books does not work for a while."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine = machine
        self._around = Around(machine, next(_SEEDS))
        self._togai, self.books = f"togai-{name}", f"books-{name}"

    def apply(self, **settings: Any) -> dict[str, Done]:
        """With a fresh code."""
        control = self._machine.control
        connections = [control.togai(self._togai), control.books(self.books, **settings)]
        return self._machine.apply(
            control.write(connections, control.links("accounts", books=self.books, togai=self._togai))
        )

    def refresh_token(self) -> str:
        connection = self._machine.here.control().connections[self.books]
        box = load_secret_box(self._machine.here.settings)
        return open_secrets(connection.id, connection.secrets, box)["refresh_token"]

    def send(self, id_: str) -> None:
        account = self._around.account | {"name": f"{self.books} {id_}"}
        event = account_created(account, id_=self._id(id_))
        self._machine.send([event | {"connection": self._togai, "source": f"togai/{self._togai}"}])

    def ended(self, id_: str) -> bool:
        """The contact and its setting."""
        return [each.status in GOOD for each in self._machine.record.results_of(self._id(id_))] == [True, True]

    def is_stopped_while_others_flow(self, id_: str, words: str) -> None:
        self._machine.until(lambda: self._stopped() != "", "the connection is stopped")
        assert words in self._stopped()
        self._around.flow()
        assert not self._machine.record.results_of(self._id(id_)), "it waits"

    def goes_on(self, id_: str) -> None:
        self._machine.until(lambda: self.ended(id_), "it goes on")
        assert self._stopped() == ""

    def _id(self, id_: str) -> str:
        return f"{self.books}-{id_}"

    def _stopped(self) -> str:
        state = self._machine.record.states.get(self.books)
        return state.stopped if state else ""


def test_a_flow_with_a_bad_expression_is_named_by_file_line_and_column(machine: Machine, around: Around) -> None:
    file = machine.control.write([])
    flow = file.with_name("bad-flow.yaml")
    flow.write_text(FLOW, encoding="utf-8")

    done = machine.pipeline("check", str(flow))

    assert done.returncode == 2
    assert f"{flow.name}:6:" in done.stdout + done.stderr
    assert "no_such_field" in done.stdout + done.stderr
    around.flow()


FLOW = """\
id: bad
name: Bad
description: A condition that reads a field which accounts do not have.
type: outbound
trigger: {app: togai, event: account.created}
when: [data.no_such_field == 1]
actions: [{id: a, app: togai, action: get_account, input: {id: x}}]
"""


def _decisions(machine: Machine, party: str) -> list[Decision]:
    return [each for each in machine.record.decisions if each.party == party]


def _refused(machine: Machine, event: str) -> list[Result]:
    return [each for each in machine.record.results_of(event) if each.status is Status.REFUSED]
