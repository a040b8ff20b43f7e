"""What went out as a credential does not come back in an answer, whatever form it was repeated in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest

from pipeline.apps.base import Request, Response
from pipeline.apps.hiding import HIDDEN, TOKENS, HidingTransport

SECRET = "1000.abc/def+ghi"


@dataclass
class Echo:
    """A vendor that answers what it is told to."""

    answer: Response = field(default_factory=lambda: Response(400, {}, b""))

    async def send(self, base_url: str, request: Request) -> Response:
        return self.answer


def asking(token: str = "access-token-1") -> Request:
    return Request("GET", "/x", headers={"Authorization": f"Zoho-oauthtoken {token}"})


@pytest.mark.parametrize("form", [SECRET, SECRET.replace("/", "\\/"), quote(SECRET, safe=""), quote(SECRET)])
async def test_a_secret_that_is_repeated_is_cut_out_of_body_and_headers(form: str) -> None:
    vendor = Echo(Response(400, {"x-echo": f"a {form} b", "date": "today"}, f'{{"message": "bad {form}!"}}'.encode()))

    answer = await HidingTransport(vendor, [SECRET]).send("http://x", asking())

    assert answer.body == f'{{"message": "bad {HIDDEN}!"}}'.encode()
    assert answer.headers == {"x-echo": f"a {HIDDEN} b", "date": "today"}


async def test_the_token_of_a_call_is_cut_out_also_of_an_answer_that_comes_after_its_successor() -> None:
    vendor = Echo()
    transport = HidingTransport(vendor, [])
    await transport.send("http://x", asking("access-token-1"))
    vendor.answer = Response(401, {}, b"access-token-1 is dead, access-token-2 is not")

    answer = await transport.send("http://x", asking("access-token-2"))

    assert answer.body == f"{HIDDEN} is dead, {HIDDEN} is not".encode()
    for number in range(3, 3 + 2 * TOKENS):
        await transport.send("http://x", asking(f"access-token-{number}"))
    assert len(transport._tokens) == TOKENS


async def test_an_answer_that_grants_a_token_is_kept_as_it_is() -> None:
    granted = json.dumps({"access_token": "new-access-token", "refresh_token": SECRET}).encode()
    vendor = Echo(Response(200, {}, granted))

    assert (await HidingTransport(vendor, [SECRET]).send("http://x", asking())).body == granted

    vendor.answer = Response(200, {}, json.dumps({"error": SECRET, "access_token": "x"}).encode())
    assert SECRET.encode() not in (await HidingTransport(vendor, [SECRET]).send("http://x", asking())).body


async def test_what_is_too_short_to_be_a_secret_is_left_in_place() -> None:
    vendor = Echo(Response(200, {}, b'{"code": 0}'))

    assert (await HidingTransport(vendor, ["code"]).send("http://x", asking("0"))).body == b'{"code": 0}'
