"""The twins as a process, and served in a thread."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.sandbox.config import load
from pipeline.sandbox.process import main
from pipeline.sandbox.remote import RemoteTogai, RemoteZohoBooks
from pipeline.sandbox.serve import serve_in_thread
from tests.sandbox.support import CLIENT, ORGANIZATION, ROOT, SECRET, TOKEN, Zoho


def start(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.sandbox", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def finish(process: subprocess.Popen[str]) -> int:
    code = process.wait(10)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    return code


def test_the_process_prints_its_addresses_serves_both_and_stops_on_sigterm() -> None:
    process, ready = start()
    try:
        with RemoteTogai(ready["togai"]["base_url"]) as togai:
            expected = togai.demo()
            assert togai.counts()["invoices"] == expected.invoices == 15
        with RemoteZohoBooks(ready["zohobooks"]["base_url"]) as zoho:
            assert zoho.grant_code(CLIENT)
            assert zoho.objects(ORGANIZATION, "contacts") == []
        line = json.dumps(ready)
        assert SECRET not in line
        assert TOKEN not in line
    finally:
        process.send_signal(signal.SIGTERM)
        assert finish(process) == 0


def test_the_process_ends_with_its_standard_input_if_asked() -> None:
    process, _ = start("--with-stdin")
    assert process.stdin is not None
    process.stdin.close()
    assert finish(process) == 0


def test_the_process_ends_with_its_parent_if_asked() -> None:
    script = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'pipeline.sandbox', '--with-parent'], stdout=subprocess.PIPE)\n"
        "print(p.stdout.readline().decode(), end='', flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    ready = json.loads(parent.stdout.readline())
    assert finish(parent) == 0
    deadline = time.monotonic() + 10
    while answers(ready["togai"]["base_url"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(base_url: str) -> bool:
    try:
        return httpx.get(f"{base_url}/_twin/health").is_success
    except httpx.TransportError:
        return False


def test_a_wrong_configuration_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text("zohobooks: {organizations: [], clients: [], colour: red}\ntogai: {tokens: [x]}\n")
    assert main(["--config", str(path)]) == 2
    assert "colour" in capsys.readouterr().err
    organization = "{id: '1', name: X, time_zone: Mars/Base}"
    path.write_text(f"zohobooks: {{organizations: [{organization}], clients: []}}\ntogai: {{tokens: [x]}}\n")
    assert main(["--config", str(path)]) == 2
    assert "Mars/Base" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"sandbox\.yaml"):
        load(path)


def test_a_twin_keeps_its_state_when_its_server_restarts_on_the_same_port(zoho: Zoho) -> None:
    zoho.contact()
    with serve_in_thread(zoho.served.twin) as again, RemoteZohoBooks(again.base_url) as remote:
        assert remote.counts()["contacts"] == 1


def test_a_taken_port_is_an_error(zoho: Zoho) -> None:
    with pytest.raises(OSError, match="in use"), serve_in_thread(zoho.served.twin, port=zoho.served.port):
        pass
