"""Refusals of the Togai API: an HTTP status and `{"message"}` alone (ErrorResponse of the published OpenAPI)."""

from __future__ import annotations


class Refusal(Exception):
    """The call is refused and nothing was applied."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def bad(message: str) -> Refusal:
    return Refusal(400, message)


def not_found(what: str, id_: str) -> Refusal:
    return Refusal(404, f"{what} with id {id_} not found")
