"""Applying files from the command line, against the twins: checked, exchanged once, sealed, listed without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.control.secrets import open_secrets
from tests.cli.conftest import Cli
from tests.e2e.twins import Twins, twins

FLOWS = Path(__file__).parents[2] / "configs" / "flows"


@pytest.fixture(scope="module")
def both() -> object:
    with twins() as made:
        yield made


@pytest.fixture
def file(cli: Cli, both: Twins, tmp_path: Path) -> Path:
    cli.environment.setenv("TEST_TOGAI_TOKEN", both.config.togai.tokens[0])
    cli.environment.setenv("TEST_ZOHO_SECRET", both.config.zohobooks.clients[0].secret)
    cli.environment.setenv("TEST_ZOHO_CODE", both.code())
    path = tmp_path / "connections.yaml"
    path.write_text(f"""\
connections:
  - id: togai-main
    app: togai
    settings: {{base_url: "{both.togai.base_url}"}}
    secrets: {{api_token: {{env: TEST_TOGAI_TOKEN}}}}
  - id: books-main
    app: zohobooks
    settings:
      organization_id: "{both.organization}"
      accounts_url: "{both.books.base_url}"
      api_url: "{both.books.base_url}"
      quiet_seconds: 2.5
    secrets:
      client_id: {{file: client.id}}
      client_secret: {{env: TEST_ZOHO_SECRET}}
      self_client_code: {{env: TEST_ZOHO_CODE}}
flows: ["{FLOWS}/togai-account-to-zohobooks-contact.yaml"]
links:
  - id: accounts
    flow: togai-account-to-zohobooks-contact
    connections: {{togai: togai-main, zohobooks: books-main}}
""")
    (tmp_path / "client.id").write_text(both.config.zohobooks.clients[0].id + "\n")
    return path


def test_a_check_changes_nothing_an_apply_connects_and_a_second_one_finds_all_as_it_should_be(
    cli: Cli, file: Path, here: Installation
) -> None:
    assert {row["what"] for row in cli("check", file, "--json").rows} == {"create"}
    assert not here.control().connections

    applied = cli("apply", file, "--json")
    assert applied.code == Exit.GOOD, applied.err
    assert [(row["id"], row["what"], row["remedy"]) for row in applied.rows] == [
        ("togai-main", "create", ""),
        ("books-main", "create", ""),
        ("togai-account-to-zohobooks-contact", "create", ""),
        ("accounts", "create", ""),
    ]
    assert {row["what"] for row in cli("apply", file, "--json").rows} == {"unchanged"}

    listed = cli("connections", "list", "--json")
    assert [(row["id"], row["links"]) for row in listed.rows] == [
        ("books-main", ["accounts"]),
        ("togai-main", ["accounts"]),
    ]
    assert [row["works"] for row in cli("connections", "test", "--json").rows] == [True, True]
    for secret in ("TEST_TOGAI_TOKEN", "TEST_ZOHO_SECRET", "TEST_ZOHO_CODE"):
        assert cli_environment(secret) not in listed.out + applied.out + applied.err

    [flow] = cli("flows", "list", "--json").rows[:1]
    assert (flow["where"], flow["links"]) == ("stored", ["accounts"])
    assert cli("connections", "hooks", "togai-main", "--json").rows[0]["url"].startswith("http://127.0.0.1:")


def test_faults_are_all_said_with_their_places_and_nothing_is_written(cli: Cli, file: Path, here: Installation) -> None:
    file.write_text(file.read_text().replace("app: togai\n", "app: togay\n").replace("quiet_seconds: 2.5", "quiet: 1"))

    ran = cli("apply", file)

    assert ran.code == Exit.MISTAKE
    assert "connections.yaml:3:5: no app 'togay'" in ran.err
    assert "connections.yaml:12:7: connections.1.settings.quiet: Extra inputs are not permitted" in ran.err
    assert not here.control().connections


def test_a_wrong_self_client_code_is_one_clear_failure_and_the_rest_is_applied(
    cli: Cli, file: Path, here: Installation
) -> None:
    cli.environment.setenv("TEST_ZOHO_CODE", "1000.wrong")

    ran = cli("apply", file, "--json")

    assert ran.code == Exit.SOME_FAILED
    failed = {row["id"]: row["remedy"] for row in ran.rows if row["what"] == "failed"}
    assert set(failed) == {"books-main", "accounts"}
    assert "code" in failed["books-main"]
    assert set(here.control().connections) == {"togai-main"}


def test_connect_does_the_same_from_options(cli: Cli, both: Twins, here: Installation) -> None:
    cli.environment.setenv("TEST_TOGAI_TOKEN", both.config.togai.tokens[0])
    arguments = ["connect", "togai", "--id", "other", "-s", f"base_url={both.togai.base_url}"]

    ran = cli(*arguments, "--secret", "api_token=env:TEST_TOGAI_TOKEN", "--json")

    [row] = ran.rows
    assert (row["id"], row["what"], row["remedy"]) == ("other", "create", ""), ran.err
    assert [check["name"] for check in row["checks"]] == ["accounts", "invoices"]
    assert here.control().connection("other").settings == {"base_url": both.togai.base_url}
    again = cli(*arguments, "--secret", "api_token=env:TEST_TOGAI_TOKEN")
    assert (again.code, "'other' is there already" in again.err) == (Exit.MISTAKE, True)
    wrong = cli(*arguments, "--secret", "api_token=plain", "--json")
    assert (wrong.code, "plain" in wrong.err) == (Exit.MISTAKE, False)
    unknown = cli("connect", "slack", "--json")
    assert (unknown.code, "installed are togai, zohobooks" in unknown.err) == (Exit.MISTAKE, True)


def test_a_connection_is_renamed_rotated_and_shown_from_the_command_line(
    cli: Cli, both: Twins, file: Path, here: Installation
) -> None:
    cli("apply", file)

    assert cli("connections", "rename", "books-main", "Books of Acme").code == Exit.GOOD
    shown = cli("connections", "show", "books-main", "--json").rows[0]
    assert (shown["name"], shown["state"], shown["links"]) == ("Books of Acme", "running", ["accounts"])
    assert "organization_id" in cli("connections", "show", "books-main").out

    first, second = "FirstWebhookSecret1", "SecondWebhookSecret2"
    for secret in (first, second):
        cli.environment.setenv("TEST_HOOK", secret)
        ran = cli("connections", "rotate", "books-main", "--secret", "webhook_secret=env:TEST_HOOK", "--json")
        assert ran.rows[0]["what"] == "update", ran.err

    def held() -> str:
        return open_secrets("books-main", here.control().connection("books-main").secrets, here.box())["webhook_secret"]

    assert held() == f"{second},{first}"
    assert cli("connections", "finish", "books-main").code == Exit.GOOD
    assert held() == second

    cli.environment.setenv("TEST_TOKEN", "no-token-of-togai")
    failed = cli("connections", "rotate", "togai-main", "--secret", "api_token=env:TEST_TOKEN")
    assert failed.code == Exit.SOME_FAILED
    assert "what was stored stays" in failed.out
    unset = cli("connections", "rotate", "togai-main", "--secret", "api_token=env:NOT_SET", "--secret", "x=plain")
    assert (unset.code, "plain" in unset.err) == (Exit.MISTAKE, False)
    before = cli("connections", "hooks", "togai-main", "--json").rows[0]["url"]
    assert cli("connections", "rotate", "togai-main", "--hooks").code == Exit.GOOD
    assert cli("connections", "hooks", "togai-main", "--json").rows[0]["url"] != before
    checks = cli("connections", "test", "books-main").out
    assert "the Zoho user sees organization" in checks
    assert "contacts can be read" in checks


def test_a_connection_is_removed_when_no_link_uses_it_and_a_dry_run_until_told_otherwise(
    cli: Cli, file: Path, here: Installation
) -> None:
    cli("apply", file, "--no-probe")

    refused = cli("connections", "remove", "books-main", "--yes")
    assert (refused.code, "used by link accounts" in refused.err) == (Exit.MISTAKE, True)

    here.store().remove(here.control().links.values())
    assert cli("connections", "remove", "books-main", "--json").rows == [{"id": "books-main", "removed": False}]
    assert "books-main" in here.control().connections
    assert cli("connections", "remove", "books-main", "--yes").code == Exit.GOOD
    assert set(here.control().connections) == {"togai-main"}


def test_a_preview_shows_what_would_be_sent_without_kafka(bare_cli: Cli) -> None:
    flow = FLOWS / "togai-account-to-zohobooks-contact.yaml"

    ran = bare_cli("flows", "preview", flow, "--json")

    assert ran.code == Exit.GOOD
    [row] = ran.rows
    assert [action["id"] for action in row["actions"]] == ["contact", "setting"]
    assert row["actions"][0]["request"]["method"] == "PUT"
    assert "contact_name" in row["actions"][0]["request"]["body"]
    without = bare_cli("flows", "preview", flow, "-o", "write_setting=false", "--json").rows[0]
    assert without["actions"][1]["applies"] is False
    assert bare_cli("flows", "preview", flow, "-o", "fly=1").code == Exit.MISTAKE


def cli_environment(name: str) -> str:
    import os

    return os.environ[name]
