"""Looking for what no webhook told of: changed contacts, invoices and credit notes, payments, and invoices overdue.

Each module is swept every `poll_seconds`, as far back as `poll_overlap_seconds` behind the last change seen, because
lists lag behind writes. A row only says that something changed; the object is then read whole, as after a webhook, so
that both give the same event: same trigger, object, version and data.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.apps.base import Poll
from pipeline.apps.zohobooks.polls.changes import ContactPoll, CreditNotePoll, InvoicePoll
from pipeline.apps.zohobooks.polls.overdue import OverduePoll
from pipeline.apps.zohobooks.polls.payments import PaymentPoll

POLLS: Mapping[str, Poll] = {
    poll.name: poll for poll in (ContactPoll(), InvoicePoll(), OverduePoll(), PaymentPoll(), CreditNotePoll())
}
