"""Both twins as their people see them: reading what is there, and acting as somebody who sits in front of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.sandbox.togai.state import State
from pipeline.sandbox.wire import Json, encode
from pipeline.sandbox.zohobooks.state import Books
from tests.e2e.twins import INVOICE_FIELD, Twins

T = TypeVar("T")
A_SECOND = 1.0


@dataclass(slots=True)
class Both:
    """`calls` counts what people did by Togai's API: its ledger does not tell them from the pipeline."""

    twins: Twins
    calls: int = 0

    # --- acting -------------------------------------------------------------------------------------------------

    def in_togai(self, act: Callable[[State], T]) -> T:
        """By Togai's own user interface. Raises `Refusal`."""
        return self.twins.togai.call(lambda: act(self.twins.togai.twin.state))

    def by_togai(self, method: str, path: str, body: Any) -> bool:
        """By Togai's API, with a token of people's own. False where it is refused: the pipeline was there first."""
        self.calls += 1
        return self.twins.api.request(method, path, content=b"" if body is None else encode(body)).is_success

    def in_books(self, method: str, path: str, body: Any = None) -> bool:
        """By Zoho's user interface; False where it is refused. A second passes before and after: Zoho's times are whole
        seconds, and two changes within one, of which one is ours, are one to whoever asks for what has changed.
        """

        def act() -> bool:
            clock = self.twins.books.clock
            clock.advance(A_SECOND)
            query = {"organization_id": self.twins.organization}
            reply = self.twins.books.twin.by_hand(method, path, query, b"" if body is None else encode(body))
            clock.advance(A_SECOND)
            return reply.status < 300

        return self.twins.books.call(act)

    # --- reading ------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Json]:
        return self.in_togai(lambda state: [dict(each) for each in state.accounts.values()])

    def invoices(self) -> list[Json]:
        return self.in_togai(lambda state: [dict(each) for each in state.invoices.values()])

    def credits(self) -> list[Json]:
        return self.in_togai(lambda state: [dict(each) for each in state.credits.values()])

    def settings(self) -> dict[tuple[str, str], str]:
        """Values by the id of the entity and of the setting."""
        return self.in_togai(
            lambda state: {(each["entityId"], each["id"]): str(each["value"]) for each in state.settings.values()}
        )

    def contacts(self) -> list[Json]:
        return self._records(lambda books: books.contacts)

    def invoices_in_books(self) -> list[Json]:
        return self._records(lambda books: books.invoices)

    def credit_notes(self) -> list[Json]:
        return self._records(lambda books: books.creditnotes)

    def payments_in_books(self) -> list[Json]:
        return self._records(lambda books: books.customerpayments)

    def togai_id(self, invoice: Json) -> str:
        """What an invoice in Zoho Books was made of."""
        fields = (each for each in invoice["custom_fields"] if each["api_name"] == INVOICE_FIELD)
        return next((str(each["value"]) for each in fields), "")

    def _records(self, module: Callable[[Books], Any]) -> list[Json]:
        books = self.twins.books.twin.state.organizations[self.twins.organization]
        return self.twins.books.call(lambda: [dict(each) for each in module(books)])
