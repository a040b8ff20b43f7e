"""Events in awkward orders: invoices before their account, accounts refused for good, repeats, equal timestamps.

Hypothesis draws the story of each account; all stories of a round are sent to one machine, interleaved.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from pipeline.cli.run import Role
from pipeline.operations.parties import Parties
from pipeline.sandbox.wire import Json, encode
from pipeline.schemas.records import Status, Verdict
from tests.e2e.events import account_created, invoice_generated
from tests.e2e.machine import Machine
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.judge import Expected, judge, open_rows
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.progress import Progress, Recovery
from tests.faults.raw import Raw, RawProducer

STORIES = {Size.SHORT: 12, Size.LONG: 120}
DEADLINE = 8.0
"""Seconds that an invoice waits for its account."""
PATIENCE = 60.0
STAMP = 1_790_000_000_000
"""Milliseconds: of all records, so that no time tells their order."""
TAKEN = "3062"
"""Zoho's code for a contact name that another has."""

REFUSED = ("skipped", "mended")
"""Ends of stories whose account is refused at first."""
COMMANDS = 2
"""Of a version of an account."""

ACCOUNT, FIRST, SECOND = "account", "first invoice", "second invoice"


@dataclass(frozen=True, slots=True)
class Story:
    """What is sent of one account, in this order; each may be sent again later. Versions of the account differ by name.

    `end` is what becomes of the account: ``good``, ``never`` sent, ``skipped`` by an operator after its refusal, or
    ``mended`` and sent again.
    """

    end: str
    order: tuple[str, ...]
    repeats: tuple[int, ...]
    outdated: bool
    """An older version of the first invoice comes after it, under an id of its own; else one of the same time does."""

    @property
    def faults(self) -> list[str]:
        """What is awkward about it, for counts."""
        end = {"never": "no account", "skipped": "account refused, skipped", "mended": "account refused, mended"}
        found = [end[self.end]] if self.end in end else []
        if self.end == "good" and self.order[0] != ACCOUNT:
            found.append("invoice before its account")
        found += ["repeated event"] * len(self.repeats)
        return [*found, "outdated version" if self.outdated else "version of an equal time"]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    end = draw(st.sampled_from(["good", "never", "skipped", "mended"]))
    things = [FIRST, SECOND] if draw(st.booleans()) else [FIRST]
    if end == "never":
        order = things
    elif end == "good":
        # Versions of the account anywhere between its invoices: in front of them, behind, or both.
        accounts = draw(st.integers(1, 3))
        order = draw(st.permutations([*things, *[ACCOUNT] * accounts]))
        order = _in_order(order)
    else:
        order = [ACCOUNT, *things]
    repeats = draw(st.lists(st.integers(0, len(order) - 1), max_size=3))
    return Story(end, tuple(order), tuple(repeats), draw(st.booleans()))


def _in_order(order: Sequence[str]) -> list[str]:
    """The first invoice before the second, whatever was drawn."""
    invoices = iter(sorted(each for each in order if each != ACCOUNT))
    return [each if each == ACCOUNT else next(invoices) for each in order]


def drawn(rng: random.Random, count: int) -> list[Story]:
    """So many stories, the same for the same generator."""
    found: list[Story] = []

    @seed(rng.getrandbits(64))
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stories())
    def collect(story: Story) -> None:
        found.append(story)

    collect()
    return found


@dataclass
class Told:
    """A story as it was sent."""

    story: Story
    account: str
    blocker: str = ""
    """Another account, whose contact has the name first."""
    events: list[Json] = field(default_factory=list)
    again: list[Json] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    invoices: list[str] = field(default_factory=list)

    @property
    def refused(self) -> dict[str, str]:
        """Event ids that end in a refusal, with its code."""
        if self.story.end == "never":
            return {event["id"]: "deadline" for event in self.events}
        if self.story.end == "skipped":
            return {
                event["id"]: TAKEN if event["type"].endswith("account.created") else "deadline" for event in self.events
            }
        return {}


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    environment = {**SHORT_TIMES, "PIPELINE_PARKING_DEADLINE_SECONDS": str(DEADLINE)}
    with lab.fresh(environment=environment) as machine:
        _connect(machine)
        teller = Teller(machine, rng, drawn(rng, STORIES[size]))
        machine.start(Role.AGENTS, Role.SINKS)
        teller.block()
        teller.tell()
        teller.settle()
        machine.stop()
        return Row(teller.counts.total(), teller.judge(), teller.recovery.longest, dict(teller.counts))


def _connect(machine: Machine) -> None:
    """Invoices wait for their customer instead of making one."""
    control = machine.control
    links = [
        {**link, "options": {"customer_missing": "park"}} if str(link["id"]).startswith("invoices") else link
        for link in control.links()
    ]
    done = machine.apply(control.write([control.togai(), control.books()], links))
    assert all(item.good for item in done.values()), done


class Teller:
    """Sends the stories, plays the operator, and judges."""

    def __init__(self, machine: Machine, rng: random.Random, told: Sequence[Story]) -> None:
        self._machine = machine
        self._rng = rng
        made = machine.twins.bulk(len(told), 2 * len(told), seed=rng.getrandbits(40))
        blockers = machine.twins.bulk(len(told), 0, seed=rng.getrandbits(40)).contacts
        invoices: dict[str, list[str]] = {account: [] for account in made.contacts}
        for invoice in made.arriving:
            invoices[invoice.owner_id].append(invoice.id)
        self._told = [
            self._prepare(Told(story, account, blocker if story.end in REFUSED else ""), invoices[account])
            for story, account, blocker in zip(told, made.contacts, blockers, strict=True)
        ]
        self.expected = Expected(events=[event["id"] for each in self._told for event in each.events], refused=True)
        self.progress = Progress(machine, self.expected)
        self.recovery = Recovery(self.progress)
        self.counts: Counter[str] = Counter()
        for each in self._told:
            self.counts.update(each.story.faults)

    def _prepare(self, told: Told, invoices: list[str]) -> Told:
        twins = self._machine.twins
        account = twins.account(told.account)
        for thing in told.story.order:
            if thing == ACCOUNT:
                name = f"{told.account} version {len(told.names)}"
                told.names.append(name)
                told.events.append(account_created(account, id_=f"{told.account}-{len(told.names)}", name=name))
            else:
                id_ = invoices[thing == SECOND]
                told.invoices.append(id_)
                told.events.append(invoice_generated(twins.invoice(id_)))
        if told.invoices:
            told.events.append(self._variant(told))
        told.again = [told.events[index] for index in told.story.repeats]
        return told

    def _variant(self, told: Told) -> Json:
        """The first invoice under another event id, of the same time or of an earlier one: nothing new."""
        invoice = self._machine.twins.invoice(told.invoices[0])
        when = "2020-01-01T00:00:00.000Z" if told.story.outdated else invoice["updatedAt"]
        return invoice_generated(invoice, id_=f"variant-{invoice['id']}", updatedAt=when)

    # --- telling ------------------------------------------------------------------------------------------------

    def block(self) -> None:
        """The names that stories are refused for are taken."""
        self._rename_blockers(lambda told: told.names[0])

    def _rename_blockers(self, name: Callable[[Told], str], end: str = "") -> None:
        events = [
            account_created(
                self._machine.twins.account(told.blocker), id_=f"{told.blocker}-{name(told)}", name=name(told)
            )
            for told in self._told
            if told.blocker and end in ("", told.story.end)
        ]
        self._machine.send(events)
        self._machine.until(
            lambda: all(len(self._machine.record.results_of(event["id"])) == COMMANDS for event in events),
            "the other accounts are synced",
        )

    def tell(self) -> None:
        """All of them interleaved, each in its own order; repeats come after all events of their story."""
        lines = [[*told.events, *told.again] for told in self._told]
        topic, raws = self._machine.here.topics.events("togai"), []
        while any(lines):
            line = self._rng.choice([line for line in lines if line])
            event = line.pop(0)
            key = f"{event['connection']}/{event['party']}".encode()
            raws.append(Raw(topic, key, encode(event), timestamp=STAMP))
        self.recovery.injected()
        RawProducer(self._machine.here.access).send(raws)

    def settle(self) -> None:
        """The operator skips some refused accounts, and mends what the others were refused for."""
        here = self._machine.here
        parties = Parties(here.access, here.topics, here.codec)
        wanted = {told.account: told.story.end for told in self._told if told.story.end in REFUSED}

        def refused() -> bool:
            self.recovery.look()
            return wanted.keys() <= {each.party for each in parties.aside()}

        self.progress.until(refused, PATIENCE)
        self._rename_blockers(lambda told: f"{told.blocker} renamed", "mended")
        for verb, end in (("skip", "skipped"), ("release", "mended")):
            chosen = [each for each in parties.aside() if wanted.get(each.party) == end]
            parties.say("skip" if verb == "skip" else "release", chosen)
            self.recovery.injected()
        ids = set(self.expected.events)

        def ended() -> bool:
            self.recovery.look()
            return self.progress.done and not open_rows(self._machine, ids)

        self.progress.until(ended, PATIENCE)

    # --- judging ------------------------------------------------------------------------------------------------

    def judge(self) -> Tally:
        whole = [told for told in self._told if told.story.end in ("good", "mended")]
        expected = Expected(
            events=self.expected.events,
            contacts=[told.account for told in whole],
            invoices=[id_ for told in whole for id_ in told.invoices],
            versions={told.account: told.names for told in whole},
            booked={told.account: told.invoices for told in whole},
            refused=True,
        )
        tally = judge(self._machine, expected)
        findings = [*self._wrong_ends(), *self._wrong_repeats(), *self._strays()]
        return tally + Tally(lost=len(findings), findings=tuple(findings[:20]))

    def _wrong_ends(self) -> list[str]:
        """The last result of each event is a refusal where it has to be, of the kind that it has to be."""
        found = []
        for told in self._told:
            for event in told.events:
                results = self._machine.record.results_of(event["id"])
                last = max(results, key=lambda each: (each.ended or 0, each.redrive), default=None)
                wanted = told.refused.get(event["id"])
                refused = last is not None and last.status is Status.REFUSED
                code = last.cause.code if last and last.cause else ""
                if refused is not (wanted is not None) or (refused and code != wanted):
                    found.append(f"{told.story.end}: {event['id']} ended {last and last.status} {last and last.cause}")
        return found

    def _wrong_repeats(self) -> list[str]:
        repeats = Counter(event["id"] for told in self._told for event in told.again)
        duplicates = Counter(
            each.event_id for each in self._machine.record.decisions if each.verdict is Verdict.DUPLICATE
        )
        return [
            f"{id_} was sent {count} times more, {duplicates[id_]} decisions say so"
            for id_, count in repeats.items()
            if duplicates[id_] != count
        ]

    def _strays(self) -> list[str]:
        """Nothing of a story that ended in refusals is in Zoho Books."""
        contacts, invoices = (self._machine.twins.keyed(module) for module in ("contacts", "invoices"))
        ended = [told for told in self._told if told.story.end in ("never", "skipped")]
        return [
            f"{told.story.end}: something of {told.account} is in Zoho Books"
            for told in ended
            if told.account in contacts or any(id_ in invoices for id_ in told.invoices)
        ]


FAULTS = (Fault("order", 10, run),)
