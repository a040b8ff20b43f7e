"""What the demo plays on: the broker, both twins and all roles as processes, connected as a user would connect them."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from pipeline.cli.installation import Installation, installation, read_settings
from pipeline.cli.kafka import Say
from pipeline.cli.run import ORDER, role_command, role_environment
from pipeline.cli.supervisor import ChildSpec, Stop, Supervisor
from pipeline.control.secrets import load_secret_box
from pipeline.errors import ConfigurationError, PipelineError
from pipeline.gateway.hooks import hook_path
from pipeline.kafka.admin import delete_topics
from pipeline.kafka.ports import free_port
from pipeline.sandbox.config import Hook, load
from pipeline.sandbox.remote import RemoteTogai, RemoteZohoBooks
from pipeline.settings import Settings

TOGAI = "togai-demo"
BOOKS = "books-demo"
HOOKED = ("account.created", "invoice.generated")
PREFIX = "demo-"
READY_SECONDS = 60.0
LATENCY_SECONDS = 0.05

CONNECTIONS = """\
connections:
  - id: {togai}
    app: togai
    settings: {{base_url: "{togai_url}", quiet_seconds: 2}}
    secrets: {{api_token: {{env: DEMO_TOGAI_API_TOKEN}}}}
  - id: {books}
    app: zohobooks
    settings:
      organization_id: "{organization}"
      accounts_url: "{books_url}"
      api_url: "{books_url}"
      plan: premium
      quiet_seconds: 2
    secrets:
      client_id: {{env: DEMO_ZOHO_CLIENT_ID}}
      client_secret: {{env: DEMO_ZOHO_CLIENT_SECRET}}
      self_client_code: {{env: DEMO_ZOHO_SELF_CLIENT_CODE}}
flows: ["{flows}/togai-*.yaml"]
links:
  - id: accounts
    flow: togai-account-to-zohobooks-contact
    connections: {{togai: {togai}, zohobooks: {books}}}
  - id: invoices
    flow: togai-invoice-to-zohobooks-invoice
    connections: {{togai: {togai}, zohobooks: {books}}}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything runs. `kill_sink` ends that process with SIGKILL; its supervisor starts it again."""

    here: Installation
    togai: RemoteTogai
    books: RemoteZohoBooks
    organization: str
    gateway: str
    supervisor: Supervisor
    togai_api: httpx.Client

    def togai_invoice(self, id: str) -> Any:
        """As Togai's own API gives it."""
        answer = self.togai_api.get(f"/invoices/{quote(id, safe='')}")
        answer.raise_for_status()
        return answer.json()

    def togai_setting(self, entity_type: str, entity_id: str, id: str) -> str:
        """The value in the Settings tab of an entity, "" where there is none."""
        query = {"entity_type": entity_type, "entity_id": entity_id, "setting_id": id}
        answer = self.togai_api.get("/settings", params=query)
        answer.raise_for_status()
        return next((str(setting["value"]) for setting in answer.json()["data"]), "")

    def kill_sink(self) -> int | None:
        pid = self.supervisor.pid("sinks")
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return pid


@contextmanager
def stage(say: Say) -> Iterator[Stage]:
    """Topics of its own on the broker of the state directory; all is stopped and removed at the end."""
    root = Path.cwd()
    sandbox, flows = root / "configs" / "sandbox.yaml", root / "configs" / "flows"
    if not sandbox.exists():
        raise ConfigurationError("run the demo in the repository's folder: configs/sandbox.yaml is not here")
    settings = read_settings().model_copy(
        update={
            "topic_prefix": f"{PREFIX}{secrets.token_hex(3)}.",
            "partitions": 3,
            "gateway_port": free_port(),
        }
    )
    logs = settings.state_dir / "demo"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        here = stack.enter_context(installation(settings, say=say))
        stack.callback(delete_topics, here.access, [spec.name for spec in here.topics.specs()])
        here.make_topics()
        say("starting the twins of Togai and Zoho Books")
        addresses = stack.enter_context(_twins(sandbox, logs / "twins.log"))
        togai = stack.enter_context(RemoteTogai(addresses["togai"]["base_url"]))
        books = stack.enter_context(RemoteZohoBooks(addresses["zohobooks"]["base_url"]))
        config = load(sandbox)
        client, organization = config.zohobooks.clients[0], config.zohobooks.organizations[0].id
        api = stack.enter_context(
            httpx.Client(base_url=togai.base_url, headers={"Authorization": f"Bearer {config.togai.tokens[0]}"})
        )
        books.set_latency(LATENCY_SECONDS)
        control = logs / "connections.yaml"
        control.write_text(
            CONNECTIONS.format(
                togai=TOGAI,
                books=BOOKS,
                togai_url=togai.base_url,
                books_url=books.base_url,
                organization=organization,
                flows=os.path.relpath(flows, logs),
            )
        )
        say("connecting: the self client code is exchanged for a refresh token, and the start-up checks run")
        os.environ |= {
            "DEMO_TOGAI_API_TOKEN": config.togai.tokens[0],
            "DEMO_ZOHO_CLIENT_ID": client.id,
            "DEMO_ZOHO_CLIENT_SECRET": client.secret,
            "DEMO_ZOHO_SELF_CLIENT_CODE": books.grant_code(client.id),
        }
        _apply(here, control)
        say("starting the roles: gateway, agents, sinks")
        supervisor = stack.enter_context(_roles(here, settings, logs / "roles.log"))
        gateway = f"http://{settings.gateway_host}:{settings.gateway_port}"
        _wait_until(lambda: httpx.get(f"{gateway}/ready", timeout=2).status_code == 200, "the gateway")
        box = load_secret_box(settings)
        for kind in HOOKED:
            togai.add_hook(Hook(kind=kind, url=gateway + hook_path("togai", TOGAI, kind, box)))
        yield Stage(here, togai, books, organization, gateway, supervisor, api)


def _apply(here: Installation, control: Path) -> None:
    applier, stored = here.applier(), here.control()
    done = asyncio.run(applier.apply(applier.plan([control], stored), stored, here.store()))
    for item in done:
        if not item.good:
            raise PipelineError(f"{item.kind} {item.id}: {item.remedy}")


@contextmanager
def _twins(config: Path, log: Path) -> Iterator[dict[str, dict[str, str]]]:
    """Both twins in a process of their own; gives their addresses."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.sandbox", "--config", str(config), "--port", "0", "--with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise PipelineError(f"the twins did not start: see {log}")
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def _roles(here: Installation, settings: Settings, log: Path) -> Iterator[Supervisor]:
    """All roles under a supervisor on a thread; what they say goes to `log`."""
    environment = role_environment(here) | {
        "PIPELINE_STATE_DIR": str(settings.state_dir.absolute()),
        "PIPELINE_TOPIC_PREFIX": settings.topic_prefix,
        "PIPELINE_PARTITIONS": str(settings.partitions),
        "PIPELINE_GATEWAY_HOST": settings.gateway_host,
        "PIPELINE_GATEWAY_PORT": str(settings.gateway_port),
    }
    supervisor = Supervisor([ChildSpec(role, role_command(role), environment, log) for role in ORDER])
    stop = Stop()
    thread = threading.Thread(target=supervisor.run, args=(stop,), name="demo-supervisor")
    thread.start()
    try:
        yield supervisor
    finally:
        stop.set()
        thread.join()


def _wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if true():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise PipelineError(f"{what} did not come up within {READY_SECONDS:g} s: see .state/demo/roles.log")
