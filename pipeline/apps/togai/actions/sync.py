"""Everything that is there, as events: for a first load, or to look whether both sides still agree.

One page an attempt; where the next one begins is kept with what was found, so that a worker that dies loses nothing and
repeats a page at the most. The events are decided once more, whatever was decided before: flows plan what is there
already as unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Found, Plan, Refuse, Session, View
from pipeline.apps.togai.actions.accounts import ARCHIVED
from pipeline.apps.togai.actions.common import LISTS
from pipeline.apps.togai.actions.invoice_status import status_of
from pipeline.apps.togai.actions.reads import whole
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import ACCOUNT, INVOICE
from pipeline.apps.togai.lists import PER_PAGE, page
from pipeline.apps.togai.triggers import ORDER, STATES
from pipeline.apps.togai.versions import version_of
from pipeline.errors import Refused

READS = 6
"""Objects that one attempt reads one by one."""
MOST_IDS = 10_000


class SyncInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ids` are the objects that are meant, none means all; `statuses` narrows by Togai's words, none means any.

    `token`, `position`, `given` and `missing` say how far it has come: a flow gives none of them.
    """

    ids: list[str] = []
    statuses: list[str] = []
    token: str = ""
    position: int = 0
    given: int = 0
    missing: list[str] = []


class SyncOutput(msgspec.Struct, frozen=True, kw_only=True):
    """How many objects were given as events, and which of those that were asked for are not there."""

    given: int
    missing: list[str]


class _Sync:
    """`kinds` are the triggers that an object of a list is given as; none leaves it out."""

    repeat: ClassVar[str] = "read"
    safe: ClassVar[str] = "It only reads. What it gives is planned as unchanged where it was done before."
    input: type[SyncInput] = SyncInput
    output: type[SyncOutput] = SyncOutput
    noun: ClassVar[str]
    per_page: ClassVar[int]
    most: ClassVar[int]

    def plan(self, input: SyncInput, view: View) -> Plan:
        if len(input.ids) > MOST_IDS:
            return Refuse(f"{len(input.ids)} ids are more than {MOST_IDS} at once: give none for all", code="ids")
        if not all(input.ids):
            return Refuse(f"an id of an {self.noun} is empty", code="ids")
        listed = request("GET", LISTS[self.noun], query={"pageSize": str(self.per_page)})
        sent = request("GET", LISTS[self.noun], input.ids[0]) if input.ids else listed
        return Call("read", sent, most=self.most, state=input)

    async def apply(self, call: Call, session: Session) -> Applied:
        input: SyncInput = call.state
        if input.ids:
            found, come = await self._named(session, input)
        else:
            found, come = await self._listed(session, input)
        come["given"] = input.given + len({each.subject for each in found})
        if come.pop("over"):
            missing = come.get("missing", input.missing)
            warnings = [f"not in Togai: {', '.join(missing[:20])}"] if missing else []
            return Applied("read", {"given": come["given"], "missing": missing}, found=found, warnings=warnings)
        return Applied("read", {}, found=found, go_on=come)

    def kinds(self, record: Mapping[str, Any]) -> Sequence[str]:
        raise NotImplementedError

    async def give(self, session: Session, row: Mapping[str, Any]) -> list[Found]:
        """The events of a row of the list."""
        raise NotImplementedError

    async def _named(self, session: Session, input: SyncInput) -> tuple[list[Found], dict[str, Any]]:
        found: list[Found] = []
        missing = list(input.missing)
        until = input.position + READS // 2
        for id_ in input.ids[input.position : until]:
            try:
                found += self._events(await whole(session, self.noun, id_))
            except Refused as error:
                if error.cause != "not_found":
                    raise
                missing.append(id_)
        return found, {"position": until, "missing": missing, "over": until >= len(input.ids)}

    async def _listed(self, session: Session, input: SyncInput) -> tuple[list[Found], dict[str, Any]]:
        rows, token = await page(session, LISTS[self.noun], {}, input.token, self.per_page)
        found: list[Found] = []
        for row in rows:
            if self.kinds(row) and (not input.statuses or status_of(row) in input.statuses):
                found += await self.give(session, row)
        return found, {"token": token, "over": not token}

    def _events(self, record: Mapping[str, Any]) -> list[Found]:
        version = version_of(self.noun, record)
        return [Found(kind, str(record["id"]), record, version) for kind in self.kinds(record)]


class SyncAccounts(_Sync):
    """Give every account as an event, as if it had been created (or archived) now."""

    name: ClassVar[str] = "sync_accounts"
    title: ClassVar[str] = "Go through all accounts"
    calls: ClassVar[str] = f"1 for {PER_PAGE} accounts, and 1 for each account without e-mail or address"
    noun: ClassVar[str] = ACCOUNT
    per_page: ClassVar[int] = PER_PAGE
    most: ClassVar[int] = READS

    def kinds(self, record: Mapping[str, Any]) -> Sequence[str]:
        return ("account.archived" if record.get("status") == ARCHIVED else "account.created",)

    async def give(self, session: Session, row: Mapping[str, Any]) -> list[Found]:
        """One that lacks e-mail or address is fetched later, with its customer."""
        if row.get("primaryEmail") and row.get("address"):
            return self._events(row)
        return [Found(kind, str(row["id"]), {"id": row["id"]}, hint=True) for kind in self.kinds(row)]


class SyncInvoices(_Sync):
    """Give every invoice as events: as if it had been generated now, and had come to the status that it has.

    Ongoing and merged ones are left out. Lists show no lines, so each invoice is read.
    """

    name: ClassVar[str] = "sync_invoices"
    title: ClassVar[str] = "Go through all invoices"
    calls: ClassVar[str] = f"1 for {READS} invoices, and 1 for each invoice"
    noun: ClassVar[str] = INVOICE
    per_page: ClassVar[int] = READS
    most: ClassVar[int] = 1 + READS

    def kinds(self, record: Mapping[str, Any]) -> Sequence[str]:
        status = status_of(record)
        if status in ("DRAFT", "MERGED"):
            return ()
        came = [STATES[status]] if status in STATES else []
        if status == "VOID":
            return came
        return [ORDER if record.get("invoiceClass") == "ORDER" else "invoice.generated", *came]

    async def give(self, session: Session, row: Mapping[str, Any]) -> list[Found]:
        try:
            return self._events(await whole(session, INVOICE, str(row["id"])))
        except Refused as error:
            if error.cause != "not_found":
                raise
            return []
