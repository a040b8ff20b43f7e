"""Files to invoices: PDFs only, from hosts that are named only, once."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.apps.base import Refuse, Request, Response
from pipeline.apps.zohobooks import app
from pipeline.apps.zohobooks.client import ZohoBooksSession
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.errors import InDoubt, Refused, Retry, Stopped
from tests.apps.zohobooks.support import SOURCE, Known, Tokens, Zoho, called, plan
from tests.apps.zohobooks.world import a_world

PDF = b"%PDF-1.7\n%%EOF\n"
URL = "https://files.togai.example/inv.pdf?X-Signature=a%2Fb"
HOSTS = {"organization_id": "1", "attachment_hosts": ["togai.example"]}


def planned(**given: Any) -> Any:
    return plan("attach_invoice_pdf", Known(settings=HOSTS), invoice_id="7", **{"file_name": "T-1.pdf", **given})


@pytest.mark.parametrize(
    "url",
    [
        "http://files.togai.example/inv.pdf",
        "https://togai.example.evil.example/inv.pdf",
        "https://eviltogai.example/inv.pdf",
        "https://files.togai.example:8443/inv.pdf",
        "https://user:secret@files.togai.example/inv.pdf",
        "https://127.0.0.1/inv.pdf",
        "file:///etc/passwd",
        "https://[broken",
    ],
)
def test_a_file_is_not_fetched_from_elsewhere(url: str) -> None:
    refused = planned(url=url)
    assert isinstance(refused, Refuse)
    assert refused.code == "host"
    assert "secret" not in refused.message


def test_without_named_hosts_nothing_is_fetched() -> None:
    refused = plan("attach_invoice_pdf", Known(), invoice_id="7", file_name="T-1.pdf", url=URL)
    assert isinstance(refused, Refuse)
    assert "attachment_hosts" in refused.message


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": URL, "content": base64.b64encode(PDF).decode()},
        {"content": "not base64!"},
        {"content": base64.b64encode(b"<html>").decode()},
        {"content": base64.b64encode(PDF + bytes(6_000_000)).decode()},
        {"url": URL, "file_name": "../up.pdf"},
        {"url": URL, "file_name": 'a".pdf'},
        {"url": URL, "file_name": "a\r\nb.pdf"},
        {"url": URL, "file_name": ""},
    ],
    ids=["no file", "two files", "no base64", "no PDF", "too large", "a path", "a quote", "a line break", "no name"],
)
def test_what_is_no_file_to_attach_is_refused_before_any_call(given: dict[str, Any]) -> None:
    assert isinstance(planned(**given), Refuse)


@dataclass
class Elsewhere:
    """A transport to another host."""

    answer: Response | Exception
    sent: list[tuple[str, Request]] = field(default_factory=list)

    async def send(self, base_url: str, request: Request) -> Response:
        self.sent.append((base_url, request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def session(answer: Response | Exception) -> tuple[ZohoBooksSession, Elsewhere]:
    there = Elsewhere(answer)
    settings = ZohoBooksSettings.model_validate(HOSTS)
    made = ZohoBooksSession(settings=settings, secrets={}, api=there, auth=there, tokens=Tokens(), now=lambda: 0.0)
    return made, there


async def test_a_download_carries_no_token_and_the_address_as_it_was_signed() -> None:
    made, there = session(Response(200, {}, PDF))
    assert await made.download(URL) == PDF
    ((base_url, request),) = there.sent
    assert (base_url, request.path) == ("https://files.togai.example", "/inv.pdf?X-Signature=a%2Fb")
    assert (request.method, dict(request.headers), dict(request.query)) == ("GET", {}, {})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(403, {}, b""), Refused),
        (Response(404, {}, b""), Refused),
        (Response(503, {}, b""), Retry),
        (Response(429, {}, b""), Retry),
        (InDoubt("lost"), Retry),
        (Stopped("a redirect"), Refused),
    ],
)
async def test_a_download_that_fails_never_stops_the_connection(
    answer: Response | Exception, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await session(answer)[0].download(URL)


async def test_a_file_of_that_name_is_attached_once(zoho: Zoho) -> None:
    world = await a_world(zoho, "invoice")
    given = {"source": SOURCE, "file_name": "T-1.pdf", "content": base64.b64encode(PDF).decode()}
    action = app.actions["attach_invoice_pdf"]
    for wanted in ("written", "unchanged"):
        done = await action.apply(called("attach_invoice_pdf", world.view, **given), world.session)
        assert done.operation == wanted
    (invoice,) = zoho.books.invoices
    assert [(each["file_name"], each["file_size"]) for each in invoice["documents"]] == [("T-1.pdf", len(PDF))]
