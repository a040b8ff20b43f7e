"""Keys from the command line: rotated, listed with what needs them, and taken away when nothing does."""

from __future__ import annotations

import base64
import os
from dataclasses import replace

import pytest
from pydantic import SecretStr

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.control.hooks import hook_token
from pipeline.control.keys import key_file
from pipeline.control.secrets import load_secret_box, open_secrets, sealed_under, secret_name
from pipeline.control.snapshot import credentials_hash
from pipeline.schemas.records import Connection
from tests.cli.conftest import Cli


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def put(here: Installation, id_: str = "books-main", secret: str = "1000.secret") -> Connection:
    """A connection as `connect` writes it, sealed with the keys of the moment."""
    box = load_secret_box(here.settings)
    name = secret_name(id_, "refresh_token")
    made = Connection(
        id=id_,
        app="zohobooks",
        secrets={"refresh_token": box.seal(name, secret)},
        typed={"refresh_token": box.fingerprint(name, secret)},
    )
    here.store().write([made])
    return made


def test_a_rotation_makes_a_key_seals_everything_with_it_and_says_that_the_old_one_can_go(
    cli: Cli, here: Installation
) -> None:
    before = put(here)
    old = sealed_under(before.secrets["refresh_token"])
    token = hook_token(before, load_secret_box(here.settings))

    dry = cli("secrets", "rotate", "--json")
    assert [(row["connection"], row["sealed"]) for row in dry.rows] == [("books-main", False)]
    assert here.control().connection("books-main") == before

    done = cli("secrets", "rotate", "--yes")
    assert done.code == Exit.GOOD, done.err
    assert f"not needed any more: {old}" in done.out
    after, box = here.control().connection("books-main"), load_secret_box(here.settings)
    new = box.ids[0]
    assert box.ids == (new, old)
    assert {sealed_under(text) for text in (*after.secrets.values(), *after.typed.values(), after.hook)} == {new}
    assert open_secrets("books-main", after.secrets, box) == {"refresh_token": "1000.secret"}
    assert credentials_hash(after) == credentials_hash(before), "its owner keeps token and profile"

    assert cli("secrets", "remove", new, "--yes").code == Exit.MISTAKE, "the one that seals stays"
    assert cli("secrets", "remove", old).code == Exit.GOOD
    assert old in load_secret_box(here.settings).ids, "a dry run"
    assert cli("secrets", "remove", old, "--yes").code == Exit.GOOD
    box = load_secret_box(here.settings)
    assert box.ids == (new,)
    assert hook_token(after, box) == token, "webhook addresses stay"
    assert box.same("books-main/refresh_token", "1000.secret", after.typed["refresh_token"])
    assert not box.same("books-main/refresh_token", "1000.other", after.typed["refresh_token"])


def test_a_rotation_that_broke_off_is_gone_on_with_and_makes_no_third_key(cli: Cli, here: Installation) -> None:
    put(here)
    file = key_file(here.settings)
    assert file is not None
    new = file.add()
    keys = load_secret_box(here.settings).ids

    assert cli("secrets", "rotate", "--yes").code == Exit.GOOD

    assert load_secret_box(here.settings).ids == keys
    assert sealed_under(here.control().connection("books-main").secrets["refresh_token"]) == new


def test_with_keys_of_the_environment_a_rotation_uses_the_first_and_tells_which_are_still_needed(
    cli: Cli, here: Installation
) -> None:
    old, new = key("old"), key("new")
    cli.environment.setenv("PIPELINE_SECRETS_KEYS", old)
    here = again(here, old)
    put(here)

    alone = cli("secrets", "rotate", "--yes")
    assert (alone.code, "the one key of PIPELINE_SECRETS_KEYS" in alone.err) == (Exit.MISTAKE, True)
    cli.environment.setenv("PIPELINE_SECRETS_KEYS", f"{new},{old}")
    rows = {row["key"]: row for row in cli("secrets", "list", "--json").rows}
    assert (rows["new"]["seals"], rows["old"]["connections"], rows["old"]["removable"]) == (True, ["books-main"], False)

    assert cli("secrets", "rotate", "--yes").code == Exit.GOOD
    assert {row["key"]: row["removable"] for row in cli("secrets", "list", "--json").rows} == {
        "new": False,
        "old": True,
    }
    cli.environment.setenv("PIPELINE_SECRETS_KEYS", new)
    assert cli("secrets", "list").code == Exit.GOOD
    assert cli("secrets", "remove", "old", "--yes").code == Exit.MISTAKE
    for text in (old, new):
        assert text.partition(":")[2] not in alone.out + alone.err


def test_a_key_that_is_missing_is_named_with_the_connections_that_need_it(cli: Cli, here: Installation) -> None:
    old, other = key("old"), key("other")
    here = again(here, old)
    before = put(here)
    cli.environment.setenv("PIPELINE_SECRETS_KEYS", other)

    listed = cli("secrets", "list", "--json")
    assert listed.code == Exit.SOME_FAILED
    row = {row["key"]: row for row in listed.rows}["old"]
    assert (row["here"], row["connections"]) == (False, ["books-main"])
    rotated = cli("secrets", "rotate", "--yes", "--json")
    assert rotated.code == Exit.SOME_FAILED
    assert "sealed under key 'old'" in rotated.rows[0]["remedy"]
    assert here.control().connection("books-main") == before


@pytest.mark.parametrize("verb", ["check", "apply"])
def test_another_key_than_the_one_that_sealed_is_named_and_not_taken_for_changed_credentials(
    cli: Cli, here: Installation, verb: str
) -> None:
    here = again(here, key("old"))
    box = load_secret_box(here.settings)
    made = Connection(id="togai-main", app="togai", secrets={"api_token": box.seal("togai-main/api_token", "of-togai")})
    here.store().write([made])
    cli.environment.setenv("TEST_TOGAI_TOKEN", "of-togai")
    cli.environment.setenv("PIPELINE_SECRETS_KEYS", key("other"))
    file = cli.state.parent / "connections.yaml"
    file.write_text("connections:\n  - {id: togai-main, app: togai, secrets: {api_token: {env: TEST_TOGAI_TOKEN}}}\n")

    ran = cli(verb, file)

    assert ran.code == Exit.MISTAKE
    assert "sealed under key 'old', which is not among the keys of PIPELINE_SECRETS_KEYS (other)" in ran.err
    assert here.control().connection("togai-main") == made

    lost = cli("apply", file, "--no-probe", "--key-lost", "--json")
    assert [row["what"] for row in lost.rows] == ["update"], lost.err
    assert sealed_under(here.control().connection("togai-main").secrets["api_token"]) == "other"


def again(here: Installation, keys: str) -> Installation:
    """The same installation with these keys."""
    return replace(here, settings=here.settings.model_copy(update={"secrets_keys": SecretStr(keys)}))
