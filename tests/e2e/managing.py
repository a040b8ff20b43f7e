"""The control API with a secret in every place where one may be put, right or wrong; all its answers are kept."""

from __future__ import annotations

from typing import Any

import httpx

from pipeline.sandbox.faults import Fault
from tests.e2e.canaries import Canaries
from tests.e2e.machine import Machine

URL = "/api/v1/connections"


class Manager:
    """`said` takes what was answered, under what was asked."""

    def __init__(self, machine: Machine, canaries: Canaries, said: dict[str, str]) -> None:
        self._machine, self._canaries, self._said = machine, canaries, said
        headers = {"Authorization": f"Bearer {canaries.values['api-token']}"}
        self._client = httpx.Client(base_url=machine.gateway, headers=headers, timeout=60)

    def __call__(self, method: str, path: str, status: int, **given: Any) -> Any:
        answer = self._client.request(method, path, **given)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        shown = f"{answer.headers}\n{answer.text}"
        self._said[f"{len(self._said)}: {method} {path}"] = shown
        return answer.json() if answer.content else None

    def secret(self) -> str:
        return self._canaries.add(f"over-http-{len(self._canaries.values)}")

    def close(self) -> None:
        self._client.close()


def manage_everything(machine: Machine, canaries: Canaries, said: dict[str, str]) -> None:
    """Through the gateway that runs: its log is searched with all others."""
    ask = Manager(machine, canaries, said)
    try:
        misplace(ask)
        live(ask, machine, canaries)
    finally:
        ask.close()


def misplace(ask: Manager) -> None:
    """A secret where none belongs, of the wrong kind, in a body that is no JSON, in the wrong header."""
    named = {"app": "togai", "name": "Misplaced"}
    for body in (
        {**named, "secrets": {"api_token": [ask.secret()]}},
        {**named, "secrets": {"api_token": ask.secret(), "webhook_secret": ask.secret()}},
        {**named, "secrets": {"client_secret": ask.secret()}},
        {**named, "secrets": ask.secret()},
        {**named, "api_token": ask.secret()},
        {**named, "settings": {"api_token": ask.secret(), "calls_per_second": ask.secret()}},
        {**named, "settings": {"base_url": f"http://me:{ask.secret()}@127.0.0.1:1"}},
        {"app": ["togai"], "name": {"secret": ask.secret()}, "id": ask.secret()},
    ):
        ask("POST", URL, 422, json=body)
    ask("POST", URL, 422, content=f'{{"api_token": "{ask.secret()}'.encode())
    ask("POST", URL, 422, content=ask.secret().encode())
    ask("GET", "/api/v1/runs", 422, params={"status": ask.secret(), "after": ask.secret()})
    ask("GET", URL, 401, headers={"Authorization": f"Bearer {ask.secret()}"})
    ask("GET", URL, 401, headers={"Authorization": "", "Cookie": f"token={ask.secret()}", "X-Api-Key": ask.secret()})


def live(ask: Manager, machine: Machine, canaries: Canaries) -> None:
    """The life of a connection of each app, and an app that repeats what it was sent."""
    twins = machine.twins
    client, url = twins.config.zohobooks.clients[0], twins.books.base_url
    settings = {"organization_id": twins.organization, "accounts_url": url, "api_url": url}
    books = {"client_id": client.id, "client_secret": client.secret}
    echo = Fault(effect="answer", path="/oauth/*", status=200, body='{"error": "<echo>"}', headers={"X-Echo": "<echo>"})
    twins.books.call(lambda: twins.books.twin.faults.place(echo))
    wrong = {**books, "self_client_code": ask.secret()}
    ask("POST", URL, 422, json={"app": "zohobooks", "name": "Echo", "settings": settings, "secrets": wrong})
    twins.books.call(twins.books.twin.faults.clear)

    good = {**books, "self_client_code": twins.code(), "webhook_secret": canaries.add("hook-a", "CanaryOfAWebhook1")}
    added = {"app": "zohobooks", "name": "Over HTTP", "settings": settings, "secrets": good}
    id = ask("POST", URL, 201, json=added)["id"]
    for secrets in (
        {"webhook_secret": canaries.add("hook-b", "CanaryOfAnotherWebhook2")},
        {"self_client_code": twins.code()},
    ):
        ask("POST", f"{URL}/{id}/rotate", 200, json={"secrets": secrets})
    ask("POST", f"{URL}/{id}/rotate", 422, json={"secrets": {"client_secret": ask.secret()}})
    ask("POST", f"{URL}/{id}/rotate", 422, json={"secrets": {"webhook_secret": ask.secret(), "pin": ask.secret()}})
    ask("POST", f"{URL}/{id}/finish", 200)

    togai = {"base_url": twins.togai.base_url}
    token = {"api_token": ask.secret()}
    made = ask("POST", URL, 201, json={"app": "togai", "name": "Dead", "settings": togai, "secrets": token})
    assert not made["works"], "stored, and it says what to mend"
    ask("POST", f"{URL}/{made['id']}/rotate", 422, json={"secrets": {"api_token": ask.secret()}})
    for each in (id, made["id"]):
        for verb, path in (("GET", ""), ("POST", "/test"), ("POST", "/pause"), ("POST", "/resume"), ("DELETE", "")):
            ask(verb, f"{URL}/{each}{path}", 204 if verb == "DELETE" else 200)
    for path in (URL, "/api/v1/apps", "/api/v1/apps/zohobooks", "/api/v1/runs", "/openapi.json"):
        ask("GET", path, 200)
