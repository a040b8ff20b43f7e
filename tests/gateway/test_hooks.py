"""Webhooks become hints; a wrong address tells nothing; tokens stay out of the logs."""

from __future__ import annotations

import json
import logging

import pytest

from pipeline.cli.logs import configure_logging
from tests.gateway.conftest import BOX, Gateway

ACCOUNT = {"id": "acc-1", "togaiAccountId": "acc.20S8", "name": "Acme", "updatedAt": "2026-01-02T03:04:05.000Z"}


@pytest.mark.parametrize(
    "body",
    [
        ACCOUNT,
        {"payload": ACCOUNT},
        {"event": "account.created", "data": ACCOUNT},
        {"eventName": "Account creation", "account": ACCOUNT},
        [ACCOUNT],
    ],
)
def test_every_shape_of_a_togai_webhook_becomes_one_hint(gateway: Gateway, body: object) -> None:
    answer = gateway.hook("account.created", json.dumps(body).encode())

    assert answer.status_code == 202
    [(key, stored)] = gateway.events()
    assert key == b"togai-main/acc-1"
    assert (stored.type, stored.subject, stored.hint) == ("togai.account.created", "acc-1", True)
    assert stored.source == "togai/togai-main"


def test_each_delivery_of_a_webhook_is_a_hint_of_its_own_because_the_object_may_have_changed(gateway: Gateway) -> None:
    ids = [gateway.hook("account.created", json.dumps(ACCOUNT).encode()).json()["ids"] for _ in range(2)]

    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/togai/togai-main/account.created/0123456789abcdef0123456789abcdef",
        f"/hooks/togai/nobody/account.created/{BOX.hook_token('nobody')}",
        f"/hooks/togai/books-main/account.created/{BOX.hook_token('books-main')}",
        f"/hooks/slack/togai-main/account.created/{BOX.hook_token('togai-main')}",
        f"/hooks/togai/togai-main/account.created/{BOX.hook_token('books-main')}",
    ],
)
def test_a_wrong_token_connection_or_app_is_the_same_answer(gateway: Gateway, path: str) -> None:
    answer = gateway.client.post(path, content=json.dumps(ACCOUNT).encode())

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["message"] == "there is no such hook"
    assert gateway.events() == []


def test_a_body_that_cannot_be_read_is_kept_whole_as_a_dead_letter(gateway: Gateway) -> None:
    answer = gateway.hook("account.created", b"<xml/>")

    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")
    [letter] = gateway.dead_letters()
    assert (letter.value, letter.cause.code, letter.stage) == (b"<xml/>", "not_json", "gateway")
    assert letter.headers == [("hook", b"togai/togai-main/account.created")]


def test_no_log_shows_a_hook_token(gateway: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:]
    configure_logging("DEBUG", json=True)
    try:
        gateway.hook("account.created", json.dumps(ACCOUNT).encode())
        gateway.hook("account.created", b"{")
        logging.getLogger("uvicorn.error").warning("failed: POST /hooks/togai/a/b/%s", BOX.hook_token("togai-main"))
    finally:
        logging.getLogger().handlers[:] = before
    logged = capfd.readouterr().err

    assert "/hooks/{app}/{connection}/{kind}/{token}" in logged
    assert BOX.hook_token("togai-main") not in logged
