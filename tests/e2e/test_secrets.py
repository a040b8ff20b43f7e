"""Canary secrets pushed through every path: none may appear in a log, a topic, a dead letter or a command's output."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import httpx
import msgspec
import pytest
import structlog
import yaml

from pipeline.cli.main import main
from pipeline.cli.run import Role
from pipeline.control.hooks import hook_token
from pipeline.control.secrets import load_secret_box
from pipeline.kafka.clients import KafkaAccess
from pipeline.sandbox.config import OAuthClient, load
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.http import Reply, Request
from pipeline.sandbox.server import TwinServer
from pipeline.schemas.records import Cause, DeadLetter, Status
from tests.e2e.canaries import Canaries, forms, in_files, in_texts, in_topics
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.events import account_created
from tests.e2e.machine import Machine
from tests.e2e.managing import manage_everything
from tests.e2e.twins import ROOT, Twins, twins

pytestmark = pytest.mark.slow

KEY = os.urandom(32)
ECHO = "<echo>"
FORM = ("client_id", "client_secret", "code", "refresh_token")


class Spill:
    """A machine whose every secret is a canary, and all that its commands said."""

    def __init__(
        self,
        machine: Machine,
        canaries: Canaries,
        directory: Path,
        capsys: pytest.CaptureFixture[str],
        environment: pytest.MonkeyPatch,
    ) -> None:
        self.machine, self.canaries, self.directory = machine, canaries, directory
        self._capsys, self._environment = capsys, environment
        self.said: dict[str, str] = {}
        self._accounts = 0

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None, code: int | None = None) -> str:
        """A command, as a table and as JSON; all of its output is kept. `code`: what the second one must end with."""
        with self._environment.context() as changed:
            for name, value in {**self.machine.environment, **(environment or {})}.items():
                changed.setenv(name, value)
            for more in ([], ["--json"]):
                ended = main([*arguments, *more])
                said = self._capsys.readouterr()
                text = said.out + said.err
                self.said[f"{len(self.said)}: pipeline {' '.join((*arguments, *more))[:60]}"] = text
        assert code in (None, ended), text
        return text

    def send(self, connection: str = TOGAI) -> str:
        """An account of its own; gives the event's id."""
        self._accounts += 1
        (account,) = self.machine.twins.bulk(1, 0, seed=self._accounts).contacts
        event = account_created(self.machine.twins.account(account))
        self.machine.send([event | {"connection": connection, "source": f"togai/{connection}"}])
        return str(event["id"])

    def ends(self, event: str, *statuses: Status) -> None:
        def ended() -> bool:
            return [each.status for each in self.machine.record.results_of(event)] == list(statuses)

        self.machine.until(ended, f"{event} ends")

    def echo(self, app: str, **fault: Any) -> None:
        """The twin answers with the credentials of the request, in the body where `ECHO` stands, and in headers."""
        headers = {"X-Echo": ECHO, **fault.pop("headers", {})}
        served = getattr(self.machine.twins, app)
        made = Fault(effect="answer", headers=headers, **fault)
        served.call(lambda: served.twin.faults.place(made))

    def leaks(self) -> list[str]:
        files = [file for file in self.directory.rglob("*.log") if file.is_file()]
        assert files
        found, records = in_topics(self.canaries, self.machine.here)
        assert records > 50
        return [*in_files(self.canaries, files), *in_texts(self.canaries, self.said), *found]


def credentials(request: Request) -> str:
    """What a request shows of its sender: as it is, and as it would stand in a URL."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"))) if request.path.startswith("/oauth") else {}
    shown = [request.headers.get("Authorization", ""), *(form.get(name, "") for name in FORM)]
    return " ".join([*shown, *map(quote_plus, filter(None, shown))])


@pytest.fixture
def spill(
    kafka: KafkaAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Spill]:
    # Each command line asks for a token of its own.
    monkeypatch.setattr("pipeline.sandbox.zohobooks.oauth.REQUESTS", 10_000)
    scripted = TwinServer._carry_out

    def carry_out(server: TwinServer, faults: Mapping[str, Fault], request: Request) -> Reply:
        reply, shown = scripted(server, faults, request), credentials(request)
        if ECHO in reply.headers.get("X-Echo", ""):
            reply.body = reply.content().replace(ECHO.encode(), shown.encode())
            reply.headers = {name: value.replace(ECHO, shown) for name, value in reply.headers.items()}
        return reply

    monkeypatch.setattr(TwinServer, "_carry_out", carry_out)
    handlers, canaries = logging.getLogger().handlers[:], Canaries()
    config = load(ROOT / "configs" / "sandbox.yaml")
    replace = msgspec.structs.replace
    client = OAuthClient(id=canaries.add("client-id"), secret=canaries.add("client-secret"))
    sandbox = replace(
        config,
        zohobooks=replace(config.zohobooks, clients=[client]),
        togai=replace(config.togai, tokens=[canaries.add("togai-token")]),
    )
    canaries.add("key", base64.b64encode(KEY).decode())
    environment = {
        "PIPELINE_SECRETS_KEYS": "canary:" + canaries.values["key"],
        "PIPELINE_LOG_LEVEL": "DEBUG",
        "PIPELINE_API_TOKEN": canaries.add("api-token"),
    }
    with twins(sandbox=sandbox) as both:
        hand_out(both, canaries)
        machine = Machine(kafka, f"spill-{os.urandom(4).hex()}.", tmp_path, both, environment=environment)
        try:
            yield Spill(machine, canaries, tmp_path, capsys, monkeypatch)
        finally:
            machine.close()
            logging.getLogger().handlers[:] = handlers
            structlog.reset_defaults()


def hand_out(both: Twins, canaries: Canaries) -> None:
    """Every code and token that the twin makes is a canary too."""
    oauth = both.books.twin.state.oauth
    oauth._make = lambda kind: canaries.add(f"{kind}-{len(canaries.values)}")  # type: ignore[method-assign]


def test_no_secret_appears_in_a_log_a_topic_a_dead_letter_or_an_output(spill: Spill) -> None:
    machine, canaries = spill.machine, spill.canaries
    connect_well_and_badly(spill)
    box = load_secret_box(machine.here.settings)
    for connection in machine.here.control().connections.values():
        canaries.add(f"hook-{connection.id}", hook_token(connection, box))
    raising = {"PIPELINE_FAIL_POINTS": "sinks.call.answered=raise@12,sinks.call.sending=raise@14"}
    machine.start(Role.GATEWAY, Role.AGENTS)
    (sinks,) = machine.start(Role.SINKS, environment=raising)
    machine.until_ready()
    for _ in range(4):
        spill.ends(spill.send(), Status.SUCCEEDED, Status.SUCCEEDED)
    assert "FailPointReached" in sinks.log.read_text(encoding="utf-8"), "there are tracebacks to be searched"
    knock_at_the_gateway(spill)
    manage_everything(machine, canaries, spill.said)
    answer_with_echoes(spill)
    die_and_come_back(spill)
    ask_everything(spill)
    lose_the_registry(spill)
    machine.stop()

    assert spill.leaks() == []


def test_the_search_finds_a_secret_that_was_planted_in_each_place_and_form(spill: Spill) -> None:
    value = spill.canaries.values["client-secret"]
    for number, (form, bytes_) in enumerate(forms(value)):
        assert spill.canaries.found("here", b"before " + bytes_ + b" after"), form
        (spill.directory / f"planted-{number}.log").write_bytes(b"x" + bytes_ + b"y")
    for offset in range(3):
        wrapped = base64.b64encode(b"." * offset + f"Basic {value}".encode())
        assert spill.canaries.found("here", wrapped), offset
    topics = spill.machine.here.topics
    producer = spill.machine.here.access.producer()
    letter = DeadLetter(topic="t", partition=0, offset=0, value=value.encode(), cause=Cause(kind="planted"))
    for topic, key, held, header in (
        (topics.mappings, value.encode(), b"{}", b""),
        (topics.control, b"", b'{"message": "' + value.encode() + b'"}', b""),
        (topics.ledger, b"", b"{}", value.encode()),
        (topics.dead_letters, b"", spill.machine.here.codec.encode(letter), b""),
    ):
        producer.produce(topic, held, key, headers=[("header", header)])
    assert producer.flush(20) == 0
    spill.said["a command"] = value

    found = "\n".join(
        [
            *in_files(spill.canaries, spill.directory.glob("planted-*.log")),
            *in_topics(spill.canaries, spill.machine.here)[0],
            *in_texts(spill.canaries, spill.said),
        ]
    )

    assert [number for number, _ in enumerate(forms(value)) if f"planted-{number}.log" not in found] == []
    for place in (topics.mappings, topics.control, topics.ledger, topics.dead_letters, "a command"):
        assert place in found


# --- the paths ----------------------------------------------------------------------------------------------------


def connect_well_and_badly(spill: Spill) -> None:
    """Wrong codes, wrong secrets, echoing answers; then good ones; then files with every kind of mistake."""
    machine, canaries = spill.machine, spill.canaries
    control = machine.control
    spill.echo("books", path="/oauth/*", times=2, status=200, body='{"error": "invalid_code <echo>"}')
    spill.run("apply", str(control.write([control.books("books-echo")])))
    spill.echo("books", path="/oauth/*", times=2, status=400, body='{"error": "<echo>", "error_description": "<echo>"}')
    spill.run("apply", str(control.write([control.books("books-echo")])))
    spill.echo("books", path="/oauth/*", times=2, status=200, body='{"error": "strange <echo>"}')
    spill.run("apply", str(control.write([control.books("books-echo")])))
    spill.echo("books", path="/oauth/*", times=2, status=502, body="<html><echo></html>", content_type="text/html")
    spill.run("apply", str(control.write([control.books("books-echo")])))
    wrong = {"self_client_code": canaries.add("wrong-code"), "client_secret": canaries.add("wrong-secret")}
    spill.run("apply", str(control.write([control.books("books-wrong", secrets=wrong)])), code=1)
    spill.echo("books", path="/books/*", status=400, times=4, body='{"code": 4, "message": "bad <echo>"}')
    # Without polls, whose calls would meet the fail points first, and end there as warnings.
    good = control.write([control.togai(poll_seconds=0), control.books()], control.links())
    spill.run("apply", str(good))
    machine.twins.books.call(machine.twins.books.twin.faults.clear)
    spill.run("apply", str(good), code=0)
    spill.run("check", str(good), code=0)

    for name, text in mistakes(canaries).items():
        file = spill.directory / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        spill.run("check", str(file), code=2)
        spill.run("apply", str(file), code=2)
    plain = canaries.add("typed-plainly")
    spill.run("connect", "togai", "--id", "typed", "--secret", f"api_token={plain}")
    spill.run("connect", "togai", "--id", "typed", "--secret", plain)
    spill.run("connect", "togai", "--id", "typed", "-s", f"base_url=http://127.0.0.1:1/?token={quote_plus(plain)}")
    spill.run("connect", "togai", "--id", "typed", "-s", f"base_url=http://me:{quote_plus(plain)}@127.0.0.1:1")
    assert "typed" not in machine.here.control().connections
    token = {"TYPED_TOKEN": canaries.add("typed-token")}
    given = ("-s", f"base_url={machine.twins.togai.base_url}", "--secret", "api_token=env:TYPED_TOKEN")
    spill.run("connect", "togai", "--id", "typed", *given, environment=token)
    for keys in (canaries.add("no-key"), f"id:{canaries.values['no-key']}", f"a:{canaries.values['key']},b:%"):
        spill.run("secrets", "list", environment={"PIPELINE_SECRETS_KEYS": keys})
        spill.run("check", str(good), environment={"PIPELINE_SECRETS_KEYS": keys})
    other = "other:" + canaries.add("other-key", base64.b64encode(os.urandom(32)).decode())
    assert "sealed under key 'canary'" in spill.run(
        "check", str(good), environment={"PIPELINE_SECRETS_KEYS": other}, code=2
    )
    kafka = {"KAFKA_SASL_PASSWORD": canaries.add("kafka-password"), "KAFKA_SASL_USERNAME": "me"}
    spill.run("topics", "check", environment=kafka)
    spill.run("topics", "check", environment={**kafka, "KAFKA_SECURITY_PROTOCOL": "nonsense"})


def mistakes(canaries: Canaries) -> Mapping[str, str]:
    """Files that hold a secret where none may stand, each with one more thing wrong."""
    value = canaries.add("in-a-file")
    books = {"id": "b", "app": "zohobooks", "settings": {"organization_id": "1"}}
    return {
        "plain": yaml.safe_dump({"connections": [{**books, "secrets": {"client_secret": value}}]}),
        "both": yaml.safe_dump({"connections": [{**books, "secrets": {"client_secret": {"env": "X", "file": value}}}]}),
        "setting": yaml.safe_dump({"connections": [{**books, "settings": {"organization_id": value}}]}),
        "unknown": yaml.safe_dump({"connections": [{**books, "settings": {"organization_id": "1", "token": value}}]}),
        "query": yaml.safe_dump(
            {"connections": [{**books, "settings": {"organization_id": "1", "api_url": f"http://x/?t={value}"}}]}
        ),
        "user": yaml.safe_dump(
            {
                "connections": [
                    {**books, "settings": {"organization_id": "1", "api_url": f"http://me:{quote_plus(value)}@x"}}
                ]
            }
        ),
        "yaml": f"connections:\n  - {{id: b, app: zohobooks, secrets: {{client_secret: {value}\n",
        "tag": f"connections:\n  - {{id: b, app: zohobooks, secrets: !token {value}}}\n",
    }


def knock_at_the_gateway(spill: Spill) -> None:
    """Credentials of a sender in headers and queries, hooks with bad tokens, bodies that cannot be read."""
    machine, canaries = spill.machine, spill.canaries
    sender = canaries.add("sender")
    headers = {"authorization": f"Bearer {sender}", "cookie": f"session={sender}", "x-api-key": sender}
    with httpx.Client(base_url=machine.gateway, headers=headers, params={"token": sender}, timeout=30) as client:
        for body, kind in ((b"{", "application/cloudevents+json"), (b"[{}]", "application/cloudevents-batch+json")):
            assert client.post("/events", content=body, headers={"content-type": kind}).status_code == 400
        assert client.post("/events", content=b"x").status_code == 415
        hook = f"/hooks/togai/{TOGAI}/account.created/"
        token = canaries.values[f"hook-{TOGAI}"]
        assert client.post(hook + canaries.add("bad-hook").replace("/", "-"), content=b"{}").status_code == 404
        assert client.post(hook + token, content=b"not json").status_code == 400
        (account,) = machine.twins.bulk(1, 0, seed=900).contacts
        assert client.post(hook + token, json={"payload": {"id": account}}).status_code == 202
        assert client.get(hook + token).status_code == 405
    machine.until(lambda: machine.twins.name(account) != "", "what the hook told of arrives")


def answer_with_echoes(spill: Spill) -> None:
    """Every class of refusal and failure, each of which repeats the credentials."""
    machine = spill.machine
    spill.echo("books", path="/books/*", status=401, body='{"code": 14, "message": "Invalid authtoken <echo>"}')
    spill.ends(spill.send(), Status.SUCCEEDED, Status.SUCCEEDED)
    spill.echo("books", path="/books/*", status=500, body='{"code": 1000, "message": "Zoho-oauthtoken <echo>"}')
    spill.ends(spill.send(), Status.SUCCEEDED, Status.SUCCEEDED)
    spill.echo("books", path="/books/*", status=502, body="<html><echo></html>", content_type="text/html")
    spill.ends(spill.send(), Status.SUCCEEDED, Status.SUCCEEDED)
    spill.echo("books", path="/books/*", status=400, body='{"code": 15, "message": "<echo>"}')
    spill.ends(spill.send(), Status.REFUSED)
    spill.echo("togai", method="P*", path="/settings*", status=400, body='{"message": "<echo>"}')
    spill.ends(spill.send(), Status.SUCCEEDED, Status.REFUSED)
    spill.echo("togai", method="P*", path="/settings*", status=422, body="<echo>", content_type="text/plain")
    spill.ends(spill.send(), Status.SUCCEEDED, Status.REFUSED)
    assert len([letter for letter in machine.record.dead_letters if letter.stage == "sink"]) == 3


def die_and_come_back(spill: Spill) -> None:
    """Refreshes that fail and echo, a redirect that carries the token, a dead token; each is mended in its way."""
    machine, books = spill.machine, spill.machine.twins.books
    oauth = books.twin.state.oauth
    refreshing: dict[str, Any] = {"path": "/oauth/*", "times": None, "status": 200}
    elsewhere = {"Location": f"http://elsewhere.invalid/?token={ECHO}"}
    deaths: dict[str, tuple[Callable[[], object], dict[str, Any]]] = {
        "client": (oauth.revoke_access, {**refreshing, "body": '{"error": "invalid_client <echo>"}'}),
        "strange": (oauth.revoke_access, {**refreshing, "body": '{"error": "general <echo>", "access": "<echo>"}'}),
        "redirect": (lambda: None, {"path": "/books/*", "status": 302, "headers": elsewhere}),
        "revoked": (lambda: oauth.revoke(list(oauth._refresh)[-1]), {"path": "/nowhere"}),
    }
    for name, (strike, fault) in deaths.items():
        dying = Dying(machine, name)
        spill.run("apply", dying.file(), code=0)
        spill.ends(spill.send(dying.togai), Status.SUCCEEDED, Status.SUCCEEDED)
        books.call(strike)
        spill.echo("books", **fault)
        event = spill.send(dying.togai)
        machine.until(dying.stopped, f"{dying.books} stops")
        spill.run("connections", "list")
        spill.run("connections", "test", dying.books)
        books.call(books.twin.faults.clear)
        mend = ("connections", "resume", dying.books) if name == "redirect" else ("apply", dying.file())
        spill.run(*mend, code=0)
        spill.ends(event, Status.SUCCEEDED, Status.SUCCEEDED)


class Dying:
    """A pair of connections of their own: token requests of others would count."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine = machine
        self.togai, self.books = f"togai-{name}", f"books-{name}"

    def file(self) -> str:
        """With a fresh code."""
        control = self._machine.control
        connections = [control.togai(self.togai), control.books(self.books)]
        return str(control.write(connections, control.links("accounts", togai=self.togai, books=self.books)))

    def stopped(self) -> bool:
        return self._machine.record.states[self.books].stopped != ""


def ask_everything(spill: Spill) -> None:
    """Every command that shows something, and those that send again."""
    flow = str(ROOT / "configs" / "flows" / "togai-account-to-zohobooks-contact.yaml")
    for arguments in (
        *(["connections", "list"], ["connections", "test"], ["flows", "list"], ["flows", "preview", flow]),
        *(["results"], ["decisions"], ["mapping", "list"], ["open"], ["doubts"], ["quota"]),
        *(["deadletters"], ["deadletters", "--group"], ["redrive"], ["redrive", "--yes"]),
        *(["replay", "--since", "2000-01-01"], ["secrets", "list"], ["secrets", "rotate"], ["topics", "check"]),
        *(["connections", "pause", BOOKS], ["connections", "resume", BOOKS]),
    ):
        spill.run(*arguments)
    key = f"fresh:{base64.b64encode(os.urandom(32)).decode()}"
    both = {"PIPELINE_SECRETS_KEYS": f"canary:{spill.canaries.values['key']},{key}"}
    spill.run("secrets", "rotate", "--yes", environment=both)
    spill.ends(spill.send(), Status.SUCCEEDED, Status.SUCCEEDED)


def lose_the_registry(spill: Spill) -> None:
    """A schema registry that is away, whose address holds credentials: with an event that needs it."""
    machine, canaries = spill.machine, spill.canaries
    user, query = (quote_plus(canaries.add(name)) for name in ("registry-password", "registry-query"))
    url = f"http://me:{user}@127.0.0.1:1/?key={query}"
    machine.stop()
    (agents,) = machine.start(Role.AGENTS, environment={"SCHEMA_REGISTRY_URL": url})
    machine.send_raw(machine.here.topics.events("togai"), [(b"x/y", b"\0\0\0\0\7rest")])
    machine.until(lambda: "registry" in agents.log.read_text(encoding="utf-8"), "it asks the registry")
