"""A file to an invoice: the source's own PDF beside Zoho's."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec

from pipeline.apps.base import Applied, Call, Plan, Refuse, Request, Session, View
from pipeline.apps.zohobooks.actions.common import read, settings_of
from pipeline.apps.zohobooks.actions.target import Missing, Target, find
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.modules import INVOICE
from pipeline.apps.zohobooks.wire import text
from pipeline.errors import Refused
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef

LARGEST = 5 * 1024 * 1024
PDF = b"%PDF-"
_FILE_NAME = re.compile(r"[^/\\\"\x00-\x1f\x7f]{1,100}")


class AttachPdfInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The invoice by Zoho's id or its source, and the file: at `url`, or its bytes as base64 in `content`.

    A `url` is fetched from the hosts of the connection's `attachment_hosts` only.
    """

    file_name: str
    url: str = ""
    content: str = ""
    invoice_id: str = ""
    source: ObjectRef | None = None
    missing: Missing = "park"


class AttachPdfOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice, and the file that it has."""

    invoice_id: str
    file_name: str


@runtime_checkable
class Downloads(Protocol):
    """A session that gets files from elsewhere (`client.ZohoBooksSession`)."""

    async def download(self, url: str) -> bytes: ...


class AttachPdf:
    """Attach a PDF to an invoice.

    Safe to repeat: the invoice is read first, and a file that it has by that name is not attached again.
    """

    name: ClassVar[str] = "attach_invoice_pdf"
    title: ClassVar[str] = "Attach a PDF to an invoice"
    repeat: ClassVar[str] = "idempotent"
    safe: ClassVar[str] = "The invoice is read first; a file of that name is not attached again."
    calls: ClassVar[str] = "2, 3 with a download; 1 where it is attached"
    input: type[AttachPdfInput] = AttachPdfInput
    output: type[AttachPdfOutput] = AttachPdfOutput

    def plan(self, input: AttachPdfInput, view: View) -> Plan:
        target = find(view, INVOICE, input.invoice_id, input.source, input.missing)
        if not isinstance(target, Target):
            return target
        settings = settings_of(view)
        if not _FILE_NAME.fullmatch(input.file_name) or not input.file_name.isascii():
            return Refuse("file_name: up to 100 ASCII characters, no slash, quote or line break", code="file_name")
        if bool(input.url) == bool(input.content):
            return Refuse("give the file as url or as content, and not as both", code="file")
        file = b""
        if input.content:
            try:
                file = base64.b64decode(input.content, validate=True)
            except (binascii.Error, ValueError):
                return Refuse("content is no base64", code="file")
            if wrong := _wrong(file):
                return Refuse(wrong, code="file")
        elif not _allowed(input.url, settings):
            return Refuse(
                "the file is not fetched from there: an https address of a host among the connection's "
                "attachment_hosts is needed",
                code="host",
            )
        call = _upload(settings, target.id, input.file_name, file)
        return Call("write", call, most=4, source=target.source, state=(settings, target, input))

    async def apply(self, call: Call, session: Session) -> Applied:
        settings, target, input = call.state
        invoice, done, pair = await read(session, settings, INVOICE, target.id), "unchanged", None
        if input.file_name not in _files(invoice):
            sent = call.request
            if input.url:
                sent = _upload(settings, target.id, input.file_name, await _downloaded(session, input.url))
            await session.send(sent)
            invoice, done = await read(session, settings, INVOICE, target.id), "written"
            pair = target.pair(target.mark, invoice)
        return Applied(done, {"invoice_id": target.id, "file_name": input.file_name}, target.ref, pair)


async def _downloaded(session: Session, url: str) -> bytes:
    if not isinstance(session, Downloads):
        raise Refused("this connection cannot download files: give the file as content", code="file")
    file = await session.download(url)
    if wrong := _wrong(file):
        raise Refused(wrong, code="file")
    return file


def _wrong(file: bytes) -> str:
    if not file.startswith(PDF):
        return "the file is no PDF"
    return f"the file is larger than {LARGEST} bytes" if len(file) > LARGEST else ""


def _allowed(url: str, settings: ZohoBooksSettings) -> bool:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or parts.username or parts.password or port not in (None, 443):
        return False
    return any(host == known or host.endswith(f".{known}") for known in settings.attachment_hosts)


def _files(invoice: Mapping[str, Any]) -> set[str]:
    """Names of the files that an invoice has."""
    documents = invoice.get("documents")
    names = {text(each, "file_name") for each in (documents if isinstance(documents, list) else ()) if each}
    return names | {text(invoice, "attachment_name")} - {""}


def _upload(settings: ZohoBooksSettings, id_: str, name: str, file: bytes) -> Request:
    """A form of one file (RFC 7578); its boundary follows from the file, so that the same call has the same bytes."""
    plain = INVOICE.post(settings, id_, "attachment")
    boundary = f"file-{content_hash([name, len(file), file[:64].hex(), file[-64:].hex()])}"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="attachment"; filename="{name}"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    )
    body = head.encode() + file + f"\r\n--{boundary}--\r\n".encode()
    return Request(
        plain.method, plain.path, plain.query, body=body, content_type=f"multipart/form-data; boundary={boundary}"
    )
