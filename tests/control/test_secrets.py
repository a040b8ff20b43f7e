"""What is sealed opens again with its key and name, and with nothing else."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.control.secrets import SecretBox, load_secret_box
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

OLD, NEW = os.urandom(32), os.urandom(32)


def settings(tmp_path: Path, keys: str = "") -> Settings:
    return Settings(state_dir=tmp_path / "state", secrets_keys=SecretStr(keys))


def test_what_is_sealed_opens_again_and_does_not_show_itself() -> None:
    box = SecretBox({"a": OLD})

    sealed = box.seal("books/refresh_token", "1000.abc")

    assert sealed.startswith("v1:a:")
    assert "1000.abc" not in sealed
    assert box.open("books/refresh_token", sealed) == "1000.abc"
    assert box.seal("books/refresh_token", "1000.abc") != sealed


def test_a_value_moved_to_another_field_or_connection_does_not_open() -> None:
    box = SecretBox({"a": OLD})
    sealed = box.seal("books/refresh_token", "1000.abc")

    with pytest.raises(
        ConfigurationError, match="secret other/refresh_token: key 'a' of PIPELINE_SECRETS_KEYS does not open it"
    ):
        box.open("other/refresh_token", sealed)


def test_a_wrong_key_under_the_same_id_is_one_clear_error_without_the_secret() -> None:
    sealed = SecretBox({"a": OLD}).seal("books/token", "1000.abc")

    with pytest.raises(ConfigurationError) as raised:
        SecretBox({"a": NEW}).open("books/token", sealed)

    assert "1000.abc" not in str(raised.value)
    assert "--key-lost" in str(raised.value)


def test_a_missing_key_is_named() -> None:
    sealed = SecretBox({"a": OLD}).seal("books/token", "1000.abc")

    with pytest.raises(ConfigurationError, match=r"sealed under key 'a', which is not among .*\(b\)"):
        SecretBox({"b": NEW}).open("books/token", sealed)


def test_after_a_key_was_replaced_old_values_stay_readable_and_new_ones_use_the_new_key() -> None:
    sealed = SecretBox({"a": OLD}).seal("books/token", "1000.abc")
    both = SecretBox({"b": NEW, "a": OLD})

    assert both.open("books/token", sealed) == "1000.abc"
    assert both.seal("books/token", "x").startswith("v1:b:")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("plain", "key number 1 is not"),
        ("a:c2hvcnQ=", "key number 1 is not"),
        (f"a:{base64.b64encode(OLD).decode()},b:%%%", "key number 2 is not"),
        (f"a:{base64.b64encode(OLD).decode()},a:{base64.b64encode(NEW).decode()}", "'a' is there twice"),
    ],
    ids=["no colon", "too short", "no base64", "twice"],
)
def test_keys_that_are_no_keys_are_refused_by_number_without_showing_them(
    tmp_path: Path, keys: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        load_secret_box(settings(tmp_path, keys))
    assert base64.b64encode(OLD).decode() not in str(raised.value)


def test_without_keys_one_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    chosen = settings(tmp_path)

    sealed = load_secret_box(chosen).seal("a/b", "x")

    assert load_secret_box(chosen).open("a/b", sealed) == "x"
    assert stat.S_IMODE((chosen.state_dir / "secrets.key").stat().st_mode) == 0o600
    assert [path.name for path in chosen.state_dir.iterdir()] == ["secrets.key"]


def test_processes_that_start_at_once_end_up_with_one_key(tmp_path: Path) -> None:
    chosen = settings(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: load_secret_box(chosen).hook_token("togai-main"), range(8)))

    assert len(tokens) == 1


def test_a_hook_token_is_good_for_its_own_connection_alone_and_survives_a_new_key() -> None:
    before = SecretBox({"a": OLD})
    token = before.hook_token("togai-main")
    after = SecretBox({"b": NEW, "a": OLD})

    assert before.is_hook_token("togai-main", token)
    assert after.is_hook_token("togai-main", token)
    assert not before.is_hook_token("togai-other", token)
    assert not before.is_hook_token("togai-main", "")
    assert not before.is_hook_token("togai-main", "tökén")


def test_a_fingerprint_recognises_its_plaintext_and_nothing_else() -> None:
    before = SecretBox({"a": OLD})
    taken = before.fingerprint("books/code", "1000.code")
    after = SecretBox({"b": NEW, "a": OLD})

    assert after.same("books/code", "1000.code", taken)
    assert not after.same("books/code", "1000.other", taken)
    assert not SecretBox({"b": NEW}).same("books/code", "1000.code", taken)
