"""`pipeline run` and `pipeline broker` as a user starts them: they come up, work, and leave nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.ports import free_port
from pipeline.operations.lookup import Filter
from tests.cli.conftest import Cli

PATIENCE = 60.0


class Process:
    """`pipeline ...` as a process; what it prints goes to files, so that it never waits for a reader."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.out, self.err = folder / f"{arguments[0]}.out", folder / f"{arguments[0]}.err"
        with self.out.open("w") as out, self.err.open("w") as err:
            command = [sys.executable, "-m", "pipeline.cli.main", *arguments]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    @property
    def pid(self) -> int:
        return self._process.pid

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self._process.poll() is None, self.err.read_text()
            assert time.monotonic() < deadline, self.err.read_text()
            time.sleep(0.05)

    def end(self) -> int:
        return self._process.wait(PATIENCE)

    def stop(self) -> int:
        if self._process.poll() is None:
            self._process.terminate()
        return self.end()


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """What still runs at the end is stopped."""
    started: list[Process] = []

    def begin(*arguments: str) -> Process:
        started.append(Process(tmp_path, *arguments))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_run_serves_events_with_all_roles_and_stops_cleanly(cli: Cli, here: Installation, start: Start) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    cli.environment.setenv("PIPELINE_GATEWAY_PORT", str(port))
    process = start("run")
    process.until(lambda: ready(url))
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 3

    event = {"id": "e-1", "source": "togai/togai-main", "type": "togai.account.created", "data": {"id": "acc-1"}}
    headers = {"content-type": "application/cloudevents+json"}
    assert httpx.post(f"{url}/events", content=json.dumps(event), headers=headers, timeout=20).status_code == 202
    process.until(lambda: any(here.lookup().decisions(Filter({"event_id": "e-1"}))))

    assert process.stop() == Exit.GOOD, process.err.read_text()
    assert not [child for child in children if child.is_running()]
    assert "Traceback" not in process.err.read_text()


def test_a_gateway_whose_port_is_taken_says_so_and_stops_with_a_mistake(cli: Cli, start: Start) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        cli.environment.setenv("PIPELINE_GATEWAY_PORT", str(other.getsockname()[1]))
        process = start("run", "--role", "gateway")
        assert process.end() == Exit.MISTAKE

    assert "set PIPELINE_GATEWAY_PORT" in process.err.read_text().splitlines()[-1]


def test_commands_share_the_broker_that_one_of_them_runs_and_it_leaves_nothing_behind(
    bare_cli: Cli, start: Start, jars: JarSource
) -> None:
    bare_cli.environment.setenv("M2_REPO", str(jars.cache))
    assert bare_cli("broker", "status", "--json").rows == [{"running": False}]
    process = start("broker", "start", "--json")
    process.until(lambda: process.out.read_text().endswith("\n"))
    servers = json.loads(process.out.read_text())["bootstrap_servers"]

    [status] = bare_cli("broker", "status", "--json").rows
    assert (status["running"], status["bootstrap_servers"], status["owner"]) == (True, servers, process.pid)
    assert bare_cli("topics", "check", "--json").rows == [], "its topics were made"
    assert bare_cli("broker", "start").code == Exit.NO_KAFKA, "a second one is refused"

    assert bare_cli("broker", "stop", "--json").rows == [{"stopped": True}]
    assert process.end() == Exit.GOOD
    assert not psutil.pid_exists(status["broker"])
