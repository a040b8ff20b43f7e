"""Looking for what no webhook told of, and for the times at which flows are due.

Togai has no list of changes: no filter for them, and accounts show no times. So each kind of object is walked and
compared with how it stood (`census`); what differs is read whole, as after a webhook, so that both give one event.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.apps.base import Poll
from pipeline.apps.togai.polls.objects import AccountPoll, CreditPoll, CustomerPoll, InvoicePoll
from pipeline.apps.togai.polls.payments import PaymentPoll
from pipeline.apps.togai.polls.schedule import SchedulePoll

POLLS: Mapping[str, Poll] = {
    poll.name: poll
    for poll in (AccountPoll(), CustomerPoll(), InvoicePoll(), PaymentPoll(), CreditPoll(), SchedulePoll())
}
