"""Events from lines: the good ones are sent, each bad one is named by its number; and they are found again."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.operations.reader import Scan, scan
from tests.cli.conftest import Cli
from tests.operations.conftest import House, command, result


def line(**changed: Any) -> str:
    event = {"id": "e-1", "source": "togai/togai-main", "type": "togai.account.created", "data": {"id": "acc-1"}}
    return json.dumps({**event, **changed})


def sent(here: Installation) -> list[tuple[bytes | None, str]]:
    rows = scan(here.access, Scan(here.topics.events("togai")))
    return [(row.key(), here.codec.decode_event(row.value()).id) for row in rows]


def test_bad_lines_are_named_by_number_and_code_and_the_others_are_sent(
    cli: Cli, here: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    lines = [
        line(),
        "{broken",
        "",
        line(id="e-2", type="slack.x"),
        line(id="e-3"),
        line(id="e-4", data={"id": "x" * 1_100_000}),
    ]
    file.write_text("\n".join(lines))

    ran = cli("send", file, "--json")

    assert ran.code == Exit.SOME_FAILED
    assert [(row["line"], row.get("error") or row["id"]) for row in ran.rows] == [
        (1, "e-1"),
        (2, "not_json"),
        (4, "unknown_app"),
        (5, "e-3"),
        (6, "too_large"),
    ]
    assert sent(here) == [(b"togai-main/acc-1", "e-1"), (b"togai-main/acc-1", "e-3")]


def test_standard_input_is_read_and_all_good_is_exit_code_0(cli: Cli, here: Installation) -> None:
    cli.environment.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line().encode() + b"\n")))

    ran = cli("send", "-")

    assert (ran.code, ran.out.strip()) == (Exit.GOOD, "1 sent, 0 not")
    assert [id for _, id in sent(here)] == ["e-1"]


def test_a_replay_is_a_dry_run_until_told_otherwise(cli: Cli, here: Installation, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(line() + "\n" + line(id="e-2", data={"id": "acc-2"}))
    cli("send", file)

    dry = cli("replay", "--account", "acc-1", "--json")
    assert dry.code == Exit.GOOD
    assert (dry.rows[0]["events"], dry.rows[0]["sent"], dry.rows[0]["dry_run"]) == (1, 0, True)
    assert len(sent(here)) == 2

    done = cli("replay", "--since", "1h", "--yes", "--json")
    assert (done.rows[0]["events"], done.rows[0]["sent"]) == (2, 2)
    assert len(sent(here)) == 4
    assert cli("replay", "--account", "nobody").code == Exit.SOME_FAILED
    assert cli("replay").code == Exit.MISTAKE


def test_results_and_mapped_ids_are_printed_as_json_lines_or_text(cli: Cli, here: Installation) -> None:
    house = House(here.access, here.topics, here.codec)
    house.put(here.topics.results, [("acc-1", result(command(f"c-{number}"))) for number in range(3)])
    house.put(
        here.topics.mappings,
        [("a+b/togai/account/acc-1", b'{"other":{"app":"zohobooks","type":"contact","id":"460"}}')],
    )

    assert [row["command"] for row in cli("results", "--json").rows] == ["c-0", "c-1", "c-2"]
    assert [row["command"] for row in cli("results", "--command", "c-1", "--json").rows] == ["c-1"]
    assert len(cli("results", "-n", "2").out.splitlines()) == 2
    assert cli("decisions", "--json").rows == []
    assert cli("mapping", "get", "acc-1").out == "togai account acc-1 = zohobooks contact 460  (a+b)\n"
    assert cli("mapping", "get", "acc-1", "--json").rows[0]["other"]["id"] == "460"
    assert cli("mapping", "get", "none").code == Exit.SOME_FAILED
