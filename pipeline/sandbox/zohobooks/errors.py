"""Refusals of the Books API: `{code, message}` with an HTTP status.

Codes below 900000 are Zoho's (introduction and errors pages of the API documentation, and reports of users). Where no
public source names the code, the twin makes up one above 900000, so that nobody comes to rely on a guess: go by the
HTTP status and, for duplicates, by the text.
"""

from __future__ import annotations

UNAUTHENTICATED = 14
TOO_LONG = 15
BLOCKED = 44
DAY_SPENT = 45
UNAUTHORIZED = 57
ITEM_EXISTS = 1001
NOT_FOUND = 1002
IN_FLIGHT = 1070
CONTACT_EXISTS = 3062
NUMBER_MISMATCH = 4097

BAD_BODY = 900001
DUPLICATE_NUMBER = 900002
DUPLICATE_FIELD = 900003
CURRENCY_NOT_ENABLED = 900004
CURRENCY_FROZEN = 900005
CURRENCY_DIFFERS = 900006
NO_MATCH = 900007
KEY_NOT_UNIQUE = 900008
BAD_VALUE = 900009
MISSING = 900010
UNKNOWN_FIELD = 900011
WRONG_STATUS = 900012
NO_SUCH_URL = 900013


class Refusal(Exception):
    """The call is refused and nothing was applied."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad(code: int, message: str) -> Refusal:
    """A refusal that the same call will always meet."""
    return Refusal(400, code, message)


def not_found(what: str) -> Refusal:
    return Refusal(404, NOT_FOUND, f"{what} does not exist.")


def unauthorized() -> Refusal:
    """A dead token, a missing scope, and a foreign organisation all look like this."""
    return Refusal(401, UNAUTHORIZED, "You are not authorized to perform this operation")


def check_lengths(body: dict[str, object], limits: dict[str, int]) -> None:
    """Refuse with code 15 what is longer than the documented maximum of its field."""
    for name, limit in limits.items():
        value = body.get(name)
        if isinstance(value, str) and len(value) > limit:
            raise bad(TOO_LONG, f"Please ensure that the {name} has less than {limit + 1} characters.")
