"""The topics are created as code says, and each difference is named with its remedy."""

from __future__ import annotations

from pipeline.cli.exits import Exit
from tests.cli.conftest import Cli


def test_created_topics_check_well_and_creating_again_leaves_them(cli: Cli) -> None:
    again = cli("topics", "create", "--json")

    assert again.code == Exit.GOOD
    assert not any(row["created"] for row in again.rows)
    assert cli("topics", "check", "--json").rows == []


def test_missing_topics_and_other_partition_counts_are_named(cli: Cli) -> None:
    cli.environment.setenv("PIPELINE_PARTITIONS", "3")
    other = cli("topics", "check", "--json")
    cli.environment.setenv("PIPELINE_TOPIC_PREFIX", "nowhere.")
    missing = cli("topics", "check", "--json")

    assert (other.code, missing.code) == (Exit.SOME_FAILED, Exit.SOME_FAILED)
    assert any(row["problem"] == "has 2 partitions, wanted 3" for row in other.rows)
    assert {row["problem"] for row in missing.rows} == {"is missing"}
    assert all(row["remedy"] == "run `pipeline topics create`" for row in missing.rows)


def test_reading_from_a_topic_that_is_missing_says_what_to_do(cli: Cli) -> None:
    cli.environment.setenv("PIPELINE_TOPIC_PREFIX", "nowhere.")

    ran = cli("results")

    assert ran.code == Exit.NO_KAFKA
    assert "run `pipeline topics create`" in ran.err
