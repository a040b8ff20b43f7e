"""Every mistake is one line and an exit code; the help documents them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.cli.exits import MEANINGS, Exit
from pipeline.cli.logs import HIDDEN, redact
from pipeline.cli.options import read_time
from pipeline.errors import ConfigurationError
from tests.cli.conftest import Cli


def test_the_help_names_every_exit_code(bare_cli: Cli) -> None:
    ran = bare_cli("--help")

    assert ran.code == Exit.GOOD
    said = " ".join(ran.out.split())
    assert [code for code in Exit if f"{code:d} {MEANINGS[code]}" not in said] == []


@pytest.mark.parametrize(
    "command",
    [
        *("run", "apply", "check", "connect", "send", "results", "decisions", "replay", "sandbox"),
        *("topics create", "topics check", "connections list", "connections test", "flows list", "flows preview"),
        *("mapping get", "broker start", "broker status", "broker stop", "connections pause", "connections resume"),
        *("party list", "party release", "party skip", "secrets list", "secrets rotate", "secrets remove"),
    ],
)
def test_every_command_explains_itself(bare_cli: Cli, command: str) -> None:
    ran = bare_cli(*command.split(), "--help")

    assert ran.code == Exit.GOOD
    assert "Usage: pipeline" in ran.out


def test_the_help_imports_no_kafka_no_app_and_no_web_framework() -> None:
    heavy = {"confluent_kafka", "faust", "fastapi", "aiohttp", "cel_expr_python", "cryptography"}
    code = (
        "import sys; from pipeline.cli.main import main; main(['--help']); "
        f"print(sorted(set(sys.modules) & {heavy!r}), file=sys.stderr)"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert ran.stderr.strip() == "[]"


def test_an_unknown_command_or_option_is_a_mistake(bare_cli: Cli) -> None:
    assert bare_cli("fly").code == Exit.MISTAKE
    assert bare_cli("results", "--fly").code == Exit.MISTAKE


def test_a_bad_variable_of_the_environment_is_named(bare_cli: Cli) -> None:
    bare_cli.environment.setenv("PIPELINE_PARTITIONS", "none")

    ran = bare_cli("topics", "check")

    assert ran.code == Exit.MISTAKE
    assert ran.err.startswith("pipeline: environment variable PIPELINE_PARTITIONS: ")
    assert len(ran.err.splitlines()) == 1


def test_a_client_setting_that_kafka_does_not_know_is_named(bare_cli: Cli) -> None:
    bare_cli.environment.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    bare_cli.environment.setenv("KAFKA_SASL_USERNAM", "x")

    ran = bare_cli("topics", "check")

    assert (ran.code, "KAFKA_SASL_USERNAM" in ran.err) == (Exit.MISTAKE, True)


def test_a_broker_that_does_not_answer_has_its_own_code(bare_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    bare_cli.environment.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr("pipeline.cli.kafka._ANSWER_SECONDS", 0.1)

    ran = bare_cli("results")

    assert ran.code == Exit.NO_KAFKA
    assert "KAFKA_BOOTSTRAP_SERVERS" in ran.err.splitlines()[-1]


def test_a_file_to_send_that_is_not_there_is_a_mistake(bare_cli: Cli, tmp_path: Path) -> None:
    assert bare_cli("send", tmp_path / "none").code == Exit.MISTAKE


def test_times_are_read_as_written_or_as_so_long_ago() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    assert read_time("", "--since") is None
    assert read_time("2h", "--since", now) == now - timedelta(hours=2)
    assert read_time("2026-01-31", "--since") == datetime(2026, 1, 31, tzinfo=UTC)
    assert read_time("2026-01-31T13:00+01:00", "--since") == now
    with pytest.raises(ConfigurationError, match="--until 'yesterday' is no time"):
        read_time("yesterday", "--until")


def test_logs_hide_what_looks_like_a_secret_at_any_depth() -> None:
    token = "1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef"
    event = {
        "event": f"refreshed with {token}",
        "client_secret": "hush",
        "nested": {"Authorization": "x", "list": [{"api_key": "y"}]},
        "header": "Zoho-oauthtoken abc.def",
        "path": "/hooks/togai/togai-main/account.created/0123456789abcdef",
        "refresh_token": "",
        "count": 3,
    }

    assert redact(None, "", event) == {
        "event": f"refreshed with {HIDDEN}",
        "client_secret": HIDDEN,
        "nested": {"Authorization": HIDDEN, "list": [{"api_key": HIDDEN}]},
        "header": f"Zoho-oauthtoken {HIDDEN}",
        "path": f"/hooks/togai/togai-main/account.created {HIDDEN}",
        "refresh_token": "",
        "count": 3,
    }
