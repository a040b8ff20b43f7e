"""The twin's webhooks: at most once, in the shape that was asked for."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.sandbox.config import Hook
from pipeline.sandbox.remote import RemoteTogai
from pipeline.sandbox.togai.hooks import HookFaults
from tests.sandbox.support import Togai


class Receiver:
    """Takes webhooks and keeps their bodies."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def settled(togai: Togai) -> dict[str, int]:
    """The counters once nothing is under way."""
    hooks = togai.served.twin.state.hooks
    deadline = time.monotonic() + 5
    while hooks.counters()["waiting"]:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return hooks.counters()


def register(togai: Togai, url: str, kind: str = "account.created", shape: Any = "payload") -> None:
    with RemoteTogai(togai.served.base_url) as remote:
        remote.add_hook(Hook(kind=kind, url=url, shape=shape))


@pytest.mark.parametrize("shape", ["bare", "payload", "event", "list"])
def test_a_new_account_is_announced_in_the_shape_of_the_hook(togai: Togai, receiver: Receiver, shape: str) -> None:
    register(togai, receiver.url, shape=shape)
    togai.customer("acme")
    assert settled(togai)["delivered"] == 1
    account = togai.call("GET", "/accounts/acme").json()
    assert receiver.bodies == [
        {
            "bare": account,
            "payload": {"payload": account},
            "event": {"eventName": "account.created", "data": account},
            "list": [account],
        }[shape]
    ]


def test_the_demo_announces_accounts_generated_invoices_and_orders_apart(togai: Togai, receiver: Receiver) -> None:
    register(togai, receiver.url, kind="*", shape="event")
    with RemoteTogai(togai.served.base_url) as remote:
        expected = remote.demo()
    settled(togai)
    by_kind: dict[str, set[str]] = {}
    for body in receiver.bodies:
        by_kind.setdefault(body["eventName"], set()).add(body["data"]["id"])
    assert len(by_kind["account.created"]) == expected.accounts
    assert {invoice.id for invoice in expected.arriving} <= by_kind["invoice.generated"]
    assert len(by_kind["order.generated"]) == 1
    ongoing = {id_ for id_, reason in expected.withheld.items() if reason == "still ongoing"}
    assert ongoing <= by_kind["invoice.updated"] - by_kind["invoice.generated"]


def test_a_delivery_that_fails_is_not_repeated(togai: Togai) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        register(togai, f"http://127.0.0.1:{taken.getsockname()[1]}/")
        togai.customer("acme")
        counters = settled(togai)
    assert (counters["queued"], counters["failed"], counters["delivered"]) == (1, 1, 0)


def test_hooks_can_be_dropped_duplicated_and_reordered(togai: Togai, receiver: Receiver) -> None:
    register(togai, receiver.url, shape="bare")
    hooks = togai.served.twin.state.hooks
    togai.served.call(lambda: hooks.set_faults(HookFaults(drop=1)))
    togai.customer("dropped")
    togai.served.call(lambda: hooks.set_faults(HookFaults(duplicate=1)))
    togai.customer("twice")
    assert settled(togai)["dropped"] == 1
    assert [body["id"] for body in receiver.bodies] == ["twice", "twice"]
    togai.served.call(lambda: hooks.set_faults(HookFaults(reorder=2)))
    for name in ("one", "two"):
        togai.customer(name)
    assert hooks.counters()["waiting"] == 2
    togai.customer("three")
    settled(togai)
    assert sorted(body["id"] for body in receiver.bodies[2:]) == ["one", "three", "two"]
