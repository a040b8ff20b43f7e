"""Update or create by a unique custom field: ``PUT /{module}`` with X-Unique-Identifier-Key, -Value and X-Upsert.

From Zoho's announcement and API documentation: the field must prevent duplicates; a match is updated; without a match
the record is created if X-Upsert is true, else it's an error; both answer 200.
"""

from __future__ import annotations

import email
import email.message
import email.policy
from typing import Any
from urllib.parse import parse_qs

from pipeline.sandbox.http import Request
from pipeline.sandbox.wire import Json, decode
from pipeline.sandbox.zohobooks.errors import BAD_BODY, MISSING, NO_MATCH, bad
from pipeline.sandbox.zohobooks.state import Books, Module


def body_of(request: Request) -> Json:
    """The body as a dict: JSON, or a form with one JSONString. Raises Refusal for anything else."""
    try:
        if "form-urlencoded" in request.headers.get("content-type", ""):
            body: Any = _form(request)
        else:
            body = request.json()
    except ValueError as error:
        raise bad(BAD_BODY, "Invalid JSON passed in the request") from error
    if not isinstance(body, dict):
        raise bad(BAD_BODY, "A JSON object is expected in the request")
    return body


def uploaded(request: Request) -> tuple[str, int]:
    """Name and size of the file ``attachment`` of a form (RFC 7578). Raises Refusal for anything else."""
    content_type = request.headers.get("content-type", "")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    parts = list(message.iter_parts()) if message.get_content_maintype() == "multipart" else []
    for part in parts:
        name = part.get_filename() or ""
        if part.get_param("name", header="content-disposition") == "attachment" and name:
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and content:
                return name, len(content)
    raise bad(MISSING, "Please attach a file")


def _form(request: Request) -> Any:
    fields = parse_qs(request.body.decode())
    if "JSONString" not in fields:
        raise ValueError("no JSONString in the form")
    return decode(fields["JSONString"][0].encode())


def match(books: Books, module: Module, request: Request) -> tuple[str | None, str]:
    """The record that the headers point to, and the value they give. Raises Refusal where there is nothing to do."""
    key = request.headers.get("x-unique-identifier-key")
    value = request.headers.get("x-unique-identifier-value", "")
    if not key:
        raise bad(MISSING, "X-Unique-Identifier-Key is missing")
    id_ = module.fields.match(key, value)
    if id_ is None and request.headers.get("x-upsert", "").lower() != "true":
        raise bad(NO_MATCH, f"No record has {value} in the field {key}.")
    return id_, value


def with_key(books: Books, body: Json, request: Request) -> Json:
    """The body of a creating upsert, with the key filled in where the organisation does that."""
    if not books.config.upsert_fills_key:
        return body
    key = request.headers["x-unique-identifier-key"]
    fields = [item for item in body.get("custom_fields", []) if item.get("api_name") != key]
    filled = {"api_name": key, "value": request.headers["x-unique-identifier-value"]}
    return {**body, "custom_fields": [*fields, filled]}


def same(before: Json, after: Json) -> bool:
    """Whether two states of a record hold the same, apart from times and the ids of lines and persons."""
    return bool(_content(before) == _content(after))


_VOLATILE = {"last_modified_time", "created_time", "line_item_id", "contact_person_id", "primary_contact_id"}


def _content(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _content(item) for name, item in value.items() if name not in _VOLATILE}
    if isinstance(value, list):
        return [_content(item) for item in value]
    return value
