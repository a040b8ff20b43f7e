"""What an operator says about a party that was set aside. It travels as a command, and ends in a result like one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.schemas.records import LedgerState, Status
from pipeline.sinks.ending import write_ending
from pipeline.sinks.entry import Entry
from pipeline.sinks.ledger import erase
from pipeline.sinks.records import Ending
from pipeline.sinks.tick import Tick

if TYPE_CHECKING:
    from pipeline.sinks.owner import Owner

RELEASE = "party.release"
"""Try the refused command again, then what is queued behind it."""
SKIP = "party.skip"
"""Leave the refused command refused, and go on with what is queued behind it."""
VERBS = frozenset({RELEASE, SKIP})


def obey(owner: Owner, verb: Entry, tick: Tick) -> None:
    """A party that is not set aside (any more) is left as it is, and the result says so."""
    party = verb.command.party
    entry = owner.order.aside.get(party)
    if entry is None or entry.state is not LedgerState.ASIDE:
        ending = Ending(Status.SKIPPED, warnings=(f"party {party!r} is not set aside",))
    elif verb.command.action == RELEASE:
        owner.try_again(entry, entry.redrive + 1)
        ending = Ending(Status.SUCCEEDED, "released", output={"command": entry.command.id})
    else:
        erase(entry, tick, owner.index, owner.shared)
        owner.forget(entry)
        ending = Ending(Status.SUCCEEDED, "skipped", output={"command": entry.command.id})
    write_ending(verb, ending, tick, owner.index, owner.shared)
