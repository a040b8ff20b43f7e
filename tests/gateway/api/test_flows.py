"""Flows and links over the API: found, written, previewed, switched on, started by hand; faults all at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.operations.reader import Scan, ends_of, scan
from pipeline.schemas.records import Connection
from tests.gateway.api.conftest import Served

FLOWS, LINKS = "/api/v1/flows", "/api/v1/links"
READY = "togai-account-to-zohobooks-contact"
BOTH = {"togai": "togai-main", "zohobooks": "books-main"}
BY_HAND = """\
id: by-hand
name: By hand
description: Reads the accounts that are named.
type: outbound
trigger: {app: togai, event: on_demand}
actions:
  - {id: account, app: togai, action: get_account, input: {id: "${trigger.data.payload.account}"}}
"""


@pytest.fixture(scope="module", autouse=True)
def connected(served: Served) -> None:
    made = [Connection(id="togai-main", app="togai"), Connection(id="books-main", app="zohobooks")]
    more = [Connection(id="books-other", app="zohobooks"), Connection(id="togai-other", app="togai")]
    served.parts.store().write([*made, *more])


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def errors(answer: Any, status: int = 422) -> list[tuple[str, str]]:
    return [(error["place"], error["message"]) for error in ok(answer, status)["errors"]]


def test_a_flow_from_the_catalogue_to_a_link_of_ones_own_and_back(served: Served) -> None:
    client = served.client
    assert READY in [card["id"] for card in ok(client.get(FLOWS, params={"kind": "public"}))]
    assert ok(client.get(FLOWS, params={"search": "nothing like it"})) == []
    [made] = ok(client.post(f"{FLOWS}/{READY}/copy", json={"id": "eu-accounts", "name": "EU"}), 201)
    assert (made["kind"], made["what"]) == ("flow", "create")
    assert ok(client.post(f"{FLOWS}/{READY}/copy", json={"id": "eu-accounts"}), 409)["code"] == "conflict"
    shown = ok(client.get(f"{FLOWS}/eu-accounts"))
    assert (shown["card"]["visibility"], shown["versions"]) == ("private", {made["version"]: []})
    assert {option["name"] for option in shown["options"]} == {"write_setting", "setting_id", "namespace"}

    asked = {"flow": "eu-accounts", "connections": BOTH, "options": {"setting_id": "EuId"}}
    wrong = {**asked, "connections": {"togai": "books-main"}, "options": {"sting": 1}}
    assert [place for place, _ in errors(client.post(LINKS, json=wrong))] == [
        "body.connections",
        "body.connections.togai",
        "body.options.sting",
    ]
    link = ok(client.post(LINKS, json=asked), 201)
    assert (link["id"], link["state"], link["latest"], link["runs"]) == ("eu-accounts", "on", True, {})
    [(place, message)] = errors(client.post(LINKS, json={"flow": READY, "connections": BOTH}))
    assert (place, "same object as link 'eu-accounts'" in message) == ("body.flow", True)
    elsewhere = {"flow": "eu-accounts", "connections": BOTH | {"zohobooks": "books-other"}}
    assert ok(client.post(LINKS, json=elsewhere), 201)["id"] == "eu-accounts-2"

    [edited, *_] = ok(client.put(f"{FLOWS}/eu-accounts", json={"text": shown["text"] + "# x\n", "move_links": False}))
    assert edited["what"] == "unchanged", "a comment is no new version"
    text = shown["text"].replace("tags: [togai, zohobooks, accounts]", "tags: [eu]")
    [edited] = ok(client.put(f"{FLOWS}/eu-accounts", json={"text": text, "move_links": False}))
    assert not ok(client.get(f"{LINKS}/eu-accounts"))["latest"]
    moved = ok(client.patch(f"{LINKS}/eu-accounts", json={"version": "latest"}))
    assert (moved["version"], moved["options"]) == (edited["version"], {"setting_id": "EuId"})
    assert ok(client.post(f"{LINKS}/eu-accounts/disable"))["state"] == "off"
    assert ok(client.post(f"{LINKS}/eu-accounts/enable"))["state"] == "on"

    assert ok(client.delete(f"{FLOWS}/eu-accounts"), 409)["message"].startswith("flow 'eu-accounts' is used by link")
    for id_ in ("eu-accounts", "eu-accounts-2"):
        ok(client.delete(f"{LINKS}/{id_}"), 204)
    ok(client.delete(f"{FLOWS}/eu-accounts"), 204)
    assert ok(client.get(f"{FLOWS}/eu-accounts"), 404)["code"] == "not_there"


def test_a_text_is_checked_with_all_its_faults_at_their_places(served: Served) -> None:
    wrong = BY_HAND.replace("type: outbound", "type: inbound").replace("get_account", "get_acount")
    for answer in (
        served.client.post(FLOWS, json={"text": wrong}),
        served.client.post(f"{FLOWS}/check", json={"text": wrong}),
        served.client.post(f"{FLOWS}/preview", json={"text": wrong}),
    ):
        assert [place for place, _ in errors(answer)] == ["flow.yaml:4:7", "flow.yaml:7:39"]
    checked = ok(served.client.post(f"{FLOWS}/check", json={"text": BY_HAND}))
    assert checked["warnings"] == ["it has no condition: every event of its trigger starts it"]
    assert (
        ok(served.client.post(f"{FLOWS}/preview", json={}), 422)["message"] == "give `flow`, the id of one, or `text`"
    )


def test_a_preview_shows_requests_and_plans_and_writes_nothing(served: Served) -> None:
    parts = served.parts
    watched = [spec.name for spec in parts.topics.specs()]
    before = ends_of(parts.access, watched)
    account = {"id": "acme", "name": "Acme", "status": "ACTIVE", "primaryContactEmail": "a@acme.example"}

    asked = {"flow": READY, "connections": BOTH, "event": account, "options": {"setting_id": "Own"}}
    seen = ok(served.client.post(f"{FLOWS}/preview", json=asked))

    contact, setting = seen["actions"]
    assert (seen["verdict"], contact["plan"], contact["connection"]) == ("matched", "create", "books-main")
    assert contact["request"]["headers"]["X-Unique-Identifier-Value"] == "acme"
    assert json.loads(contact["request"]["body"])["contact_name"] == "Acme"
    assert (setting["input"]["id"], setting["guessed"]) == ("Own", True)
    assert seen["calls"] == {"books-main": contact["calls"], "togai-main": setting["calls"]}
    off = ok(served.client.post(f"{FLOWS}/preview", json={**asked, "event": account | {"status": "ARCHIVED"}}))
    assert (off["verdict"], off["clauses"][0]["holds"], off["actions"]) == ("not_matched", False, [])
    assert ok(served.client.post(f"{FLOWS}/preview", json={**asked, "event": None, "event_id": "x"}), 404)
    assert ends_of(parts.access, watched) == before


def test_a_link_is_started_by_hand_alone_and_only_where_its_flow_starts_so(served: Served) -> None:
    client, parts = served.client, served.parts
    ok(client.post(FLOWS, json={"text": BY_HAND}), 201)
    ok(client.post(LINKS, json={"flow": "by-hand", "connections": {"togai": "togai-main"}}), 201)
    ok(client.post(LINKS, json={"flow": READY, "connections": BOTH, "id": "accounts"}), 201)
    topic = parts.topics.events("togai")
    starts = ends_of(parts.access, [topic])[topic]

    sent = ok(client.post(f"{LINKS}/by-hand/trigger", json={"payload": {"account": "acme"}}), 202)

    [row] = scan(parts.access, Scan(topic, starts=starts))
    event = parts.codec.decode_event(row.value())
    assert (event.id, event.type, event.connection) == (sent["event"], "togai.on_demand", "togai-main")
    assert event.data == {"payload": {"account": "acme"}, "link": "by-hand"}
    assert (
        "starts on togai.account.created, not by hand" in ok(client.post(f"{LINKS}/accounts/trigger"), 409)["message"]
    )
    ok(client.post(f"{LINKS}/by-hand/disable"))
    assert "is off: enable it first" in ok(client.post(f"{LINKS}/by-hand/trigger"), 409)["message"]
    assert ok(client.post(f"{LINKS}/nothing/trigger"), 404)["code"] == "not_there"


def test_a_new_version_is_shadowed_and_promoted_by_its_hash(served: Served) -> None:
    client = served.client
    ok(client.post(f"{FLOWS}/{READY}/copy", json={"id": "shadowed"}), 201)
    link = {"flow": "shadowed", "connections": BOTH | {"togai": "togai-other"}}
    ok(client.post(LINKS, json=link), 201)
    text = ok(client.get(f"{FLOWS}/shadowed"))["text"].replace("!has(data.status) || ", "")
    started = ok(client.post(f"{FLOWS}/shadowed/shadow", json={"text": text}), 201)
    ok(client.post(f"{FLOWS}/shadowed/shadow", json={"text": text}), 409)

    seen = ok(client.get(f"{FLOWS}/shadowed/shadow"))
    assert (seen["version"], seen["events"], seen["samples"]) == (started["version"], 0, [])
    assert ok(client.post(f"{FLOWS}/shadowed/shadow/promote", json={"version": started["live"]}), 409)
    promoted = ok(client.post(f"{FLOWS}/shadowed/shadow/promote", json={"version": started["version"]}))
    assert [one["version"] for one in promoted] == [started["version"]] * 2
    assert ok(client.delete(f"{FLOWS}/shadowed/shadow"), 404)
