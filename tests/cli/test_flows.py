"""Flows and links on the command line: written, switched on, previewed, moved and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.schemas.records import Connection
from tests.cli.conftest import Cli
from tests.operations.conftest import House, event
from tests.operations.views.said import Story

READY = "togai-account-to-zohobooks-contact"


@pytest.fixture
def connected(here: Installation) -> Installation:
    here.store().write([Connection(id="togai-main", app="togai"), Connection(id="books-main", app="zohobooks")])
    return here


def test_a_flow_of_ones_own_from_the_catalogue_to_a_link_and_back(
    cli: Cli, connected: Installation, tmp_path: Path
) -> None:
    assert READY in [row["id"] for row in cli("flows", "list", "--kind", "public", "--json").rows]
    assert cli("flows", "list", "--kind", "private", "--json").rows == []
    copied = cli("flows", "copy", READY, "eu-accounts", "--name", "Accounts of the EU", "--json")
    assert [(row["id"], row["what"]) for row in copied.rows] == [("eu-accounts", "create")], copied.err
    assert [row["name"] for row in cli("flows", "list", "the EU", "--json").rows] == ["Accounts of the EU"]

    file = tmp_path / "eu.yaml"
    file.write_text(cli("flows", "show", "eu-accounts").out.replace("has(data.status) ||", "has(data.stats) ||"))
    wrong = cli("flows", "edit", "eu-accounts", file)
    assert (wrong.code, "there is no 'stats'; did you mean 'status'?" in wrong.err) == (Exit.MISTAKE, True)

    asked = ("links", "add", "eu-accounts", "-c", "togai=togai-main", "-c", "zohobooks=books-main")
    assert "no connection 'nowhere'" in cli(*asked[:-1], "zohobooks=nowhere").err
    added = cli(*asked, "-o", "setting_id=EuId", "--json")
    assert [row["id"] for row in added.rows] == ["eu-accounts"], added.err
    again = cli("links", "add", READY, *asked[3:])
    assert (again.code, "would write the same object as link 'eu-accounts'" in again.err) == (Exit.MISTAKE, True)

    seen = cli("flows", "preview", "eu-accounts", "--link", "eu-accounts", "--json").rows[0]
    assert [(action["connection"], action["plan"]) for action in seen["actions"]] == [
        ("books-main", "create"),
        ("togai-main", "write"),
    ]
    assert seen["actions"][1]["input"]["id"] == "EuId"
    text = cli("flows", "preview", "eu-accounts", "--link", "eu-accounts").out
    assert "X-Unique-Identifier-Value" in text
    assert "nothing was sent" in text

    file.write_text(cli("flows", "show", "eu-accounts").out.replace("tags: [togai, zohobooks, accounts]", "tags: [eu]"))
    assert [row["kind"] for row in cli("flows", "edit", "eu-accounts", file, "--stay", "--json").rows] == ["flow"]
    assert "(not the last)" in cli("links", "list").out
    cli("links", "change", "eu-accounts", "--version", "latest", "-o", "write_setting=false")
    [link] = cli("links", "list", "--flow", "eu-accounts", "--json").rows
    assert (link["latest"], link["options"]) == (True, {"setting_id": "EuId", "write_setting": False})

    assert cli("flows", "delete", "eu-accounts", "--yes").code == Exit.MISTAKE
    assert [row["removed"] for row in cli("links", "remove", "eu-accounts", "--json").rows] == [False]
    assert cli("links", "remove", "eu-accounts", "--yes").code == Exit.GOOD
    assert len(cli("flows", "delete", "eu-accounts", "--yes", "--json").rows) == 2
    assert cli("flows", "list", "--kind", "private", "--json").rows == []


def test_links_are_listed_with_their_runs_and_not_removed_under_those_that_are_open(
    cli: Cli, connected: Installation
) -> None:
    add = ("links", "add", READY, "-c", "togai=togai-main", "-c", "zohobooks=books-main", "--id", "accounts")
    assert cli(*add, "--off").code == Exit.GOOD
    house = House(connected.access, connected.topics, connected.codec)
    Story(house, "e-1", "acc-1").whole()
    open_ = Story(house, "e-2", "acc-2")
    open_.decision()
    open_.sent()

    [link] = cli("links", "list", "--json").rows
    assert (link["state"], link["runs"]) == ("off", {"pending": 1, "success": 1})
    assert cli("links", "enable", "accounts", "--json").rows[0]["what"] == "update"
    assert cli("links", "disable", "accounts", "--json").rows[0]["what"] == "update"
    refused = cli("links", "remove", "accounts", "--yes")
    assert (refused.code, "1 run of link 'accounts' has not ended" in refused.err) == (Exit.MISTAKE, True)
    assert cli("links", "remove", "accounts", "--yes", "--force").code == Exit.GOOD
    assert not connected.control().links


def test_a_new_flow_comes_from_a_file_or_from_standard_input(
    cli: Cli, connected: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import io

    text = cli("flows", "show", READY).out.replace(f"id: {READY}", "id: mine").replace("public", "private")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert cli("flows", "create", "-", "--json").rows[0]["id"] == "mine"
    (tmp_path / "mine.yaml").write_text(text)
    again = cli("flows", "create", tmp_path / "mine.yaml")
    assert (again.code, "there is a flow 'mine' already" in again.err) == (Exit.MISTAKE, True)
    assert cli("flows", "create", tmp_path / "none.yaml").code == Exit.MISTAKE
    assert "--kind is one of all, public, private" in cli("flows", "list", "--kind", "mine").err


def test_a_link_is_started_by_hand_on_the_command_line(cli: Cli, connected: Installation, tmp_path: Path) -> None:
    file = tmp_path / "by-hand.yaml"
    file.write_text("""\
id: by-hand
name: By hand
type: outbound
trigger: {app: togai, event: on_demand}
actions: [{id: account, app: togai, action: get_account, input: {id: "${trigger.data.payload.account}"}}]
""")
    cli("flows", "create", file)
    cli("links", "add", "by-hand", "-c", "togai=togai-main")
    [sent] = cli("flows", "trigger", "by-hand", "--payload", '{"payload": {"account": "acme"}}', "--json").rows
    [event] = House(connected.access, connected.topics, connected.codec).events()
    assert (event.id, event.data) == (sent["event"], {"payload": {"account": "acme"}, "link": "by-hand"})
    assert "must be a JSON object" in cli("links", "trigger", "by-hand", "--payload", "[1]").err


def test_a_new_version_is_shadowed_and_promoted_on_the_command_line(
    cli: Cli, connected: Installation, tmp_path: Path
) -> None:
    cli("links", "add", READY, "-c", "togai=togai-main", "-c", "zohobooks=books-main", "--id", "accounts")
    file = tmp_path / "new.yaml"
    file.write_text(cli("flows", "show", READY).out.replace("!has(data.status) || data", "data"))
    [started] = cli("flows", "shadow", "start", READY, file, "--json").rows
    House(connected.access, connected.topics, connected.codec).send(
        [event("e-1", "acme", data={"id": "acme", "name": "Acme"})]
    )

    text = cli("flows", "shadow", "show", READY).out
    assert "1 differ in verdict: matched, then not_matched" in text
    assert 'then not_matched: data.status == "ACTIVE" is false' in text
    assert cli("flows", "shadow", "promote", READY, "--version", "0").code == Exit.MISTAKE
    moved = cli("flows", "shadow", "promote", READY, "--version", started["version"], "--json").rows
    assert [row["kind"] for row in moved] == ["flow", "link"]
    assert cli("flows", "shadow", "stop", READY).code == Exit.MISTAKE
