"""The walk of the product's page, by the API and by the command line: from the list of apps to ids found both ways."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import structlog

from pipeline.cli.main import main
from pipeline.cli.run import Role
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import ends_of
from pipeline.operations.settle import Watchman
from pipeline.sandbox.wire import Json
from pipeline.schemas.records import Status
from tests.e2e.conftest import running
from tests.e2e.events import account_created
from tests.e2e.machine import PATIENCE, Machine
from tests.e2e.twins import ROOT

OUT, IN = "togai-account-to-zohobooks-contact", "zohobooks-contact-to-togai-account"


@pytest.fixture(scope="module")
def machine(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """All roles run; nothing is connected."""
    with running(kafka, tmp_path_factory.mktemp("walk")) as made:
        made.start(Role.GATEWAY, Role.AGENTS, Role.SINKS)
        made.until_ready()
        yield made


class Walker(Protocol):
    """One way of doing it all. Names end in `name`: two walks do not meet."""

    name: str

    def apps(self) -> Mapping[str, list[str]]:
        """The triggers of each app."""

    def connect(self, app: str, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """A connection called ``<app>-<name>``, with all its start-up checks passed."""

    def preview(self, text: str, options: Mapping[str, str], **event: Any) -> Json: ...

    def create(self, text: str) -> None: ...

    def link(self, flow: str, options: Mapping[str, str]) -> None:
        """Off, with both connections; its id is the flow's. Then on."""

    def off(self, link: str) -> None: ...

    def close(self) -> None: ...

    def run(self, event: str, link: str) -> Json:
        """The run of an event through a link, as soon as it has ended."""

    def counts(self, flow: str) -> Mapping[str, int]: ...


class OverHttp:
    """Every step is a request to the control API."""

    name = "api"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        token = machine.pipeline("api", "token").stdout.strip()
        self._client = httpx.Client(
            base_url=f"{machine.gateway}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        )

    def __call__(self, method: str, path: str, **given: Any) -> Any:
        answer = self._client.request(method, path, **given)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._client.close()

    def apps(self) -> Mapping[str, list[str]]:
        return {app["name"]: app["triggers"] for app in self("GET", "/apps")}

    def connect(self, app: str, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        id_ = f"{app}-{self.name}"
        body = {"app": app, "name": id_, "id": id_, "settings": settings, "secrets": secrets}
        assert self("POST", "/connections", json=body)["works"]

    def preview(self, text: str, options: Mapping[str, str], **event: Any) -> Json:
        asked = {"text": text, "connections": both(self.name), "options": options, **event}
        return dict(self("POST", "/flows/preview", json=asked))

    def create(self, text: str) -> None:
        self("POST", "/flows", json={"text": text})

    def link(self, flow: str, options: Mapping[str, str]) -> None:
        body = {"flow": flow, "connections": both(self.name), "options": options, "enabled": False}
        assert self("POST", "/links", json=body)["state"] == "off"
        assert self("POST", f"/links/{flow}/enable")["state"] == "on"

    def off(self, link: str) -> None:
        assert self("POST", f"/links/{link}/disable")["state"] == "off"

    def run(self, event: str, link: str) -> Json:
        found: list[Json] = []

        def ended() -> bool:
            found[:] = self("GET", "/runs", params={"event": event, "link": link})["runs"]
            return bool(found) and found[0]["status"] not in ("pending", "waiting")

        self._machine.until(ended, "the run has ended in the log")
        return dict(self("GET", f"/runs/{found[0]['id']}"))

    def counts(self, flow: str) -> Mapping[str, int]:
        return dict(self("GET", f"/links/{flow}")["runs"])


class OnCommandLine:
    """Every step is a command, as it is typed; in this process, because there are many."""

    name = "cli"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def __call__(self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None) -> list[Json]:
        out, err = io.StringIO(), io.StringIO()
        handlers = logging.getLogger().handlers[:]
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in {**self._machine.environment, **(environment or {})}.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(stdin))
            code = main([*arguments, "--json"])
        logging.getLogger().handlers[:] = handlers
        structlog.reset_defaults()
        assert code == 0, err.getvalue() + out.getvalue()
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def close(self) -> None:
        """Nothing is kept open."""

    def apps(self) -> Mapping[str, list[str]]:
        return {app["name"]: app["triggers"] for app in self("apps", "list")}

    def connect(self, app: str, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        given += [part for name in secrets for part in ("--secret", f"{name}=env:WALK_{name.upper()}")]
        environment = {f"WALK_{name.upper()}": value for name, value in secrets.items()}
        self("connect", app, "--id", f"{app}-{self.name}", *given, environment=environment)

    def preview(self, text: str, options: Mapping[str, str], **event: Any) -> Json:
        file = Path(self._machine.environment["PIPELINE_STATE_DIR"]).parent / "walk.yaml"
        file.write_text(text, encoding="utf-8")
        asked = ["flows", "preview", str(file), *self._connections(), *_options(options)]
        if "event_id" in event:
            return self(*asked, "--event-id", event["event_id"])[0]
        return self(*asked, "--event", "-", stdin=json.dumps(event["event"]))[0]

    def create(self, text: str) -> None:
        self("flows", "create", "-", stdin=text)

    def link(self, flow: str, options: Mapping[str, str]) -> None:
        self("links", "add", flow, *self._connections(), *_options(options), "--off")
        self("links", "enable", flow)

    def off(self, link: str) -> None:
        self("links", "disable", link)

    def run(self, event: str, link: str) -> Json:
        ((page,),) = [self("runs", "list", "--event", event, "--link", link)]
        return self("runs", "show", page["runs"][0]["id"])[0]

    def counts(self, flow: str) -> Mapping[str, int]:
        return dict(self("links", "list", "--flow", flow)[0]["runs"])

    def _connections(self) -> list[str]:
        return [part for app, id_ in both(self.name).items() for part in ("-c", f"{app}={id_}")]


@pytest.mark.parametrize("way", [OverHttp, OnCommandLine])
def test_from_the_list_of_apps_to_ids_that_are_found_both_ways(machine: Machine, way: type[Any]) -> None:
    walker: Walker
    with closing(way(machine)) as walker:
        apps = walker.apps()
        assert "account.created" in apps["togai"]
        assert "contact.created" in apps["zohobooks"]
        _connect(machine, walker)
        outbound(machine, walker)
        inbound(machine, walker)
        for flow in (f"out-{walker.name}", f"in-{walker.name}"):
            walker.off(flow)
    Watchman(machine.here.access, machine.here.topics, machine.here.codec).settled(timeout=PATIENCE)


def outbound(machine: Machine, walker: Walker) -> None:
    """A flow of one's own, from its text to the id of the customer among the settings of the account."""
    flow, options = f"out-{walker.name}", {"setting_id": f"Books-{walker.name}"}
    text = _own(OUT, flow)
    account = machine.twins.account(machine.twins.bulk(1, 0, seed=sum(map(ord, walker.name))).contacts[0])
    id_ = account["id"]

    watched = machine.here.topics.carried_out()
    before, writes = ends_of(machine.here.access, watched), machine.twins.writing_calls()
    seen = walker.preview(text, options, event=account)
    assert [(one["plan"], one["connection"]) for one in seen["actions"]] == [
        ("create", f"zohobooks-{walker.name}"),
        ("write", f"togai-{walker.name}"),
    ]
    assert ends_of(machine.here.access, watched) == before, "a preview sends no command"
    assert machine.twins.writing_calls() == writes, "and makes no writing call"

    walker.create(text)
    walker.link(flow, options)
    event = _of(account_created(account, id_=f"walk-{walker.name}"), f"togai-{walker.name}")
    assert httpx.post(f"{machine.gateway}/events", json=event, timeout=PATIENCE).status_code == 202
    machine.until(lambda: len(machine.record.results_of(event["id"])) == 2, "both actions have a result")

    assert {result.status for result in machine.record.results_of(event["id"])} == {Status.SUCCEEDED}
    contact = machine.twins.one("contacts", id_)["contact_id"]
    assert machine.twins.setting("ACCOUNT", id_, f"Books-{walker.name}") == contact
    assert ("zohobooks", "contact", contact) in _counterparts(machine, id_)
    assert ("togai", "account", id_) in _counterparts(machine, contact)
    run = walker.run(event["id"], flow)
    assert (run["run"]["status"], [step["status"] for step in run["steps"]]) == ("success", ["success"] * 2)
    assert walker.counts(flow) == {"success": 1}
    looked = walker.preview(text, options, event_id=event["id"])
    assert [one["plan"] for one in looked["actions"]] == ["unchanged", "unchanged"]
    assert looked["calls"] == {}


def inbound(machine: Machine, walker: Walker) -> None:
    """A customer that a person makes in Zoho Books becomes a customer with its account in Togai.

    Its event has no id of its own: a poll, which may come first, finds the same change, and that is the same event.
    """
    flow, options = f"in-{walker.name}", {"setting_id": f"Books-{walker.name}"}
    person = {"first_name": "Ada", "email": f"{walker.name}@example.com", "is_primary_contact": True}
    body = {"contact_name": f"By hand {walker.name}", "contact_type": "customer", "contact_persons": [person]}
    contact = machine.twins.by_hand("POST", "contacts", body)["contact"]
    text = _own(IN, flow)
    seen = walker.preview(text, options, event=contact)
    assert [one["connection"] for one in seen["actions"]] == [f"togai-{walker.name}"] * 2
    assert seen["actions"][0]["plan"] == "create"

    walker.create(text)
    walker.link(flow, options)
    event = {
        "specversion": "1.0",
        "source": f"zohobooks/zohobooks-{walker.name}",
        "type": "zohobooks.contact.created",
        "subject": contact["contact_id"],
        "data": contact,
    }
    (sent,) = httpx.post(f"{machine.gateway}/events", json=event, timeout=PATIENCE).json()["ids"]
    machine.until(lambda: len(machine.record.results_of(sent)) == 2, "both actions have a result")

    id_ = contact["contact_id"]
    assert {result.status for result in machine.record.results_of(sent)} == {Status.SUCCEEDED}
    assert machine.twins.account(id_)["name"] == f"By hand {walker.name}"
    assert machine.twins.setting("ACCOUNT", id_, f"Books-{walker.name}") == id_
    assert {("togai", "account", id_), ("zohobooks", "contact", id_)} <= _counterparts(machine, id_)
    assert walker.run(sent, flow)["run"]["status"] == "success"


# --- what is set up and read off ----------------------------------------------------------------------------------


def both(name: str) -> dict[str, str]:
    return {"togai": f"togai-{name}", "zohobooks": f"zohobooks-{name}"}


def _connect(machine: Machine, walker: Walker) -> None:
    twins = machine.twins
    client, url = twins.config.zohobooks.clients[0], twins.books.base_url
    walker.connect(
        "togai",
        {"base_url": twins.togai.base_url, "quiet_seconds": "1"},
        {"api_token": twins.config.togai.tokens[0]},
    )
    walker.connect(
        "zohobooks",
        {"organization_id": twins.organization, "accounts_url": url, "api_url": url, "quiet_seconds": "1"},
        {"client_id": client.id, "client_secret": client.secret, "self_client_code": twins.code()},
    )


def _own(ready: str, id_: str) -> str:
    """A flow of the catalogue as a person would have written it."""
    text = (ROOT / "configs" / "flows" / f"{ready}.yaml").read_text(encoding="utf-8")
    return text.replace(f"id: {ready}", f"id: {id_}").replace("visibility: public", "visibility: private")


def _of(event: Json, connection: str) -> Json:
    return event | {"connection": connection, "source": f"togai/{connection}"}


def _options(options: Mapping[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def _counterparts(machine: Machine, id_: str) -> set[tuple[str, str, str]]:
    """As `pipeline mapping get` finds them."""
    return {(pair.other.app, pair.other.type, pair.other.id) for pair in machine.here.lookup().mapping(id_)}
