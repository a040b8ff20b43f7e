"""Faults: what the caller sees, and what was applied all the same."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from pipeline.sandbox import faults
from pipeline.sandbox.faults import Fault, Faults
from pipeline.sandbox.remote import RemoteZohoBooks
from tests.sandbox.support import Zoho, code_of


def create(zoho: Zoho) -> httpx.Response:
    return zoho.upsert("contacts", "cf_togai_account_id", "acme", {"contact_name": "Acme"})


def contacts(zoho: Zoho) -> int:
    return len(zoho.books.contacts)


def test_a_lost_answer_was_applied_and_the_ledger_says_so(zoho: Zoho) -> None:
    zoho.served.place(Fault(effect="lose_answer", path="*/contacts"))
    with pytest.raises(httpx.RemoteProtocolError):
        create(zoho)
    entry = zoho.served.ledger.entries[-1]
    assert (entry.status, entry.faults, entry.applied[0].action) == (0, ["lose_answer"], "created")
    assert create(zoho).status_code == 200
    assert contacts(zoho) == 1


@pytest.mark.parametrize("effect", ["lose_request", "reset"])
def test_a_lost_request_was_not_applied(zoho: Zoho, effect: faults.Effect) -> None:
    zoho.served.place(Fault(effect=effect))
    with pytest.raises(httpx.TransportError):
        create(zoho)
    assert contacts(zoho) == 0
    assert zoho.served.ledger.entries[-1].applied == []


@pytest.mark.parametrize(
    ("fault", "status", "applied"),
    [
        (faults.blocked(), 429, 0),
        (faults.bad_gateway(), 502, 0),
        (faults.server_error(), 500, 0),
        (faults.server_error(apply=True), 500, 1),
        (faults.refused_in_200(57, "no"), 200, 0),
        (faults.empty_200(), 200, 1),
    ],
)
def test_a_scripted_answer_replaces_the_twins(zoho: Zoho, fault: Fault, status: int, applied: int) -> None:
    zoho.served.place(fault)
    answer = create(zoho)
    assert answer.status_code == status
    assert answer.content == fault.body.encode()
    assert contacts(zoho) == applied


def test_rate_headers_come_only_if_asked_for(zoho: Zoho) -> None:
    zoho.served.place(faults.blocked(headers=True))
    assert create(zoho).headers["X-Rate-Limit-Reset"] == "60"
    zoho.served.place(faults.blocked(headers=False))
    assert "X-Rate-Limit-Reset" not in create(zoho).headers


def test_a_cut_answer_is_broken_json_after_the_effect(zoho: Zoho) -> None:
    zoho.served.place(Fault(effect="cut", length=25))
    answer = create(zoho)
    assert len(answer.content) == 25
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert contacts(zoho) == 1


def test_a_dripping_answer_arrives_whole(zoho: Zoho) -> None:
    zoho.served.place(Fault(effect="drip", length=200, seconds=0.001))
    assert create(zoho).json()["contact"]["contact_name"] == "Acme"


def test_a_late_call_is_applied_after_its_504(zoho: Zoho) -> None:
    zoho.served.place(Fault(effect="late", seconds=30))
    assert create(zoho).status_code == 504
    assert contacts(zoho) == 0
    zoho.served.clock.advance(30)
    deadline = time.monotonic() + 20
    while contacts(zoho) == 0:
        assert time.monotonic() < deadline, "the late call was never applied"
        time.sleep(0.01)
    assert contacts(zoho) == 1
    entry = next(entry for entry, _ in zoho.served.ledger.effects("contacts"))
    assert (entry.status, entry.notes) == (504, ["applied late"])
    assert entry.applied[0].at >= entry.started + 30


def test_revoked_tokens_are_57_until_a_refresh(zoho: Zoho) -> None:
    zoho.served.place(Fault(effect="revoke_tokens"))
    assert code_of(create(zoho)) == (401, 57)
    zoho.use(zoho.refresh().json()["access_token"])
    assert create(zoho).status_code == 200


def test_faults_add_up_on_one_request(zoho: Zoho) -> None:
    zoho.served.place(faults.server_error(apply=True))
    zoho.served.place(Fault(effect="cut", length=5))
    assert create(zoho).content == b'{"cod'
    assert zoho.served.ledger.entries[-1].faults == ["answer", "cut"]


def test_only_what_was_really_served_that_way_is_counted_as_served(zoho: Zoho) -> None:
    zoho.served.place(Fault(effect="reset", name="cut off", nth=1))
    zoho.served.place(Fault(effect="lose_answer", nth=1))
    with pytest.raises(httpx.TransportError):
        create(zoho)
    zoho.served.place(Fault(effect="revoke_tokens", nth=1))
    zoho.served.place(faults.server_error(name="internal", nth=1))
    assert code_of(create(zoho)) == (401, 57)
    with RemoteZohoBooks(zoho.served.base_url) as remote:
        assert remote.faults_served() == {"cut off": 1, "revoke_tokens": 1}


def test_a_clock_that_jumps_ahead_ends_tokens_before_their_time(zoho: Zoho) -> None:
    zoho.served.place(Fault(effect="clock", seconds=3600))
    assert code_of(create(zoho)) == (401, 57)


def test_faults_are_placed_and_cleared_over_http(zoho: Zoho) -> None:
    with RemoteZohoBooks(zoho.served.base_url) as remote:
        remote.place(faults.bad_gateway(path="*/contacts", times=None))
        assert create(zoho).status_code == 502
        assert zoho.call("GET", "settings/taxes").status_code == 200
        remote.clear_faults()
        assert create(zoho).status_code == 200


def hits(placed: Faults, calls: int, method: str = "GET", path: str = "/x") -> list[int]:
    """Which of `calls` requests were hit, counted from 1."""
    return [number for number in range(1, calls + 1) if placed.of(method, path, "org")]


def test_the_nth_matching_request_is_hit() -> None:
    placed = Faults()
    placed.place(Fault(effect="reset", method="PUT", path="/books/*", nth=3))
    assert hits(placed, 5) == []
    assert hits(placed, 5, "PUT", "/books/v3/contacts") == [3]


def test_one_and_the_same_call_is_hit_so_many_times_at_most() -> None:
    placed = Faults()
    placed.place(Fault(effect="reset", each=2, times=None))
    assert hits(placed, 5) == [1, 2]
    assert hits(placed, 5, "PUT") == [1, 2]
    assert [len(placed.of("PUT", "/x", "org", lambda key=key: key)) for key in "aaab"] == [1, 1, 0, 1]  # type: ignore[misc]


def test_rules_of_a_group_hit_one_call_so_many_times_together() -> None:
    placed = Faults()
    for effect in ("reset", "cut"):
        placed.place(Fault(effect=effect, alone=True, each=2, times=None, group="mix"))
    assert hits(placed, 5) == [1, 2]
    placed.place(Fault(effect="drip", each=1, times=None))
    assert hits(placed, 5) == [1]


def test_a_rule_that_is_alone_leaves_what_another_has_taken() -> None:
    placed = Faults()
    placed.place(Fault(effect="reset", nth=1))
    placed.place(Fault(effect="cut", alone=True, times=None))
    assert [[fault.effect for fault in placed.of("GET", "/x", "org")] for _ in range(2)] == [["reset"], ["cut"]]
    placed.place(Fault(effect="latency", nth=1))
    assert [fault.effect for fault in placed.of("GET", "/x", "org")] == ["cut", "latency"]


def test_a_probability_is_repeatable_by_its_seed_and_bounded_by_times() -> None:
    def drawn(seed: int, times: int | None) -> list[int]:
        placed = Faults()
        placed.place(Fault(effect="reset", probability=0.3, seed=seed, times=times))
        return hits(placed, 200)

    assert drawn(1, None) == drawn(1, None)
    assert drawn(1, None) != drawn(2, None)
    assert 30 < len(drawn(1, None)) < 90
    assert drawn(1, 2) == drawn(1, None)[:2]
