"""What each topic holds: the records of its values, the shape of its keys, and who relies on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from pipeline.schemas import envelope, records
from pipeline.schemas.topics import Topics

PARTY_KEY = "connection/party"


@dataclass(frozen=True, slots=True)
class Content:
    """One topic.

    `public`: others may rely on it. `private`: only our workers read it, and start from it, so that it never depends
    on a registry. `received`: others write there, too.
    """

    topic: str
    records: tuple[type[msgspec.Struct], ...]
    key: str
    says: str
    public: bool = False
    private: bool = False
    received: bool = False

    @property
    def subject(self) -> str:
        """Of its values in a schema registry: Confluent's TopicNameStrategy."""
        return f"{self.topic}-value"


def contents_of(topics: Topics) -> tuple[Content, ...]:
    """All topics of an installation, in the order in which an event passes them."""
    return tuple(_contents(topics))


def subjects_of(topics: Topics) -> Mapping[type[msgspec.Struct], tuple[str, ...]]:
    """Where the schema of each record has to be registered; a record of private topics alone is not in it."""
    found: dict[type[msgspec.Struct], list[str]] = {}
    for content in contents_of(topics):
        if not content.private:
            for record in content.records:
                found.setdefault(record, []).append(content.subject)
    return {record: tuple(subjects) for record, subjects in found.items()}


def _contents(topics: Topics) -> Iterable[Content]:
    for app in topics.apps:
        yield Content(
            topics.events(app),
            (envelope.Event,),
            PARTY_KEY,
            f"CloudEvents of {app}: what happened there. Producers send them, and so do webhooks and pollers.",
            public=True,
            received=True,
        )
    yield Content(
        topics.steps, (records.Step,), PARTY_KEY, "Runs that go on: what their next action needs. Ours to write."
    )
    for app in topics.apps:
        yield Content(
            topics.commands(app),
            (records.Command,),
            "destination connection",
            f"Live commands: actions to be carried out in {app}. Ours to write.",
        )
        yield Content(
            topics.commands(app, bulk=True),
            (records.Command,),
            "destination connection",
            f"Commands of replays, backfills and redriven dead letters for {app}, served after live ones.",
        )
    yield Content(
        topics.decisions,
        (records.Decision,),
        PARTY_KEY,
        "One record an event: what each link decided, and the clause that was false.",
        public=True,
    )
    yield Content(
        topics.results,
        (records.Result,),
        "party",
        "The one terminal record of each command: the contract with whoever reads on.",
        public=True,
    )
    yield Content(
        topics.mappings,
        (records.Mapping,),
        "scope/app/type/id",
        "Both directions of every pair of ids; the last record of a key counts, a tombstone removes it.",
        public=True,
    )
    yield Content(
        topics.dead_letters,
        (records.DeadLetter,),
        "the record's own key",
        "What could not be decoded and what was refused: the original key, bytes and headers, and the cause.",
        public=True,
    )
    yield Content(
        topics.ledger,
        (records.LedgerRow,),
        "connection/command",
        "Open commands of the sinks; a tombstone when one ended.",
        private=True,
    )
    yield Content(
        topics.state,
        (records.ConnectionState,),
        "connection",
        "What the owner of a connection must not forget; tokens are encrypted.",
        private=True,
    )
    yield Content(
        topics.control,
        (records.Connection, records.FlowVersion, records.Link, records.Shadow),
        "kind/id",
        "What is switched on: connections, flow versions, links and shadows; secrets are encrypted.",
        private=True,
    )
