"""Where webhooks are registered: what is a secret, what is signed, and for whom."""

from __future__ import annotations

from pipeline.apps.registry import load_apps
from pipeline.gateway.addresses import addresses
from pipeline.gateway.hooks import signed_path
from tests.gateway.conftest import BOX
from tests.gateway.test_hooks_signed import BOOKS, SECRETLESS, TOGAI, UNSIGNED

APPS = load_apps()


def test_an_app_that_signs_has_addresses_without_a_secret_and_is_told_when_its_own_is_missing() -> None:
    told = addresses(APPS["zohobooks"], BOOKS, BOX)

    assert all(each.signed and each.path == signed_path("zohobooks", BOOKS.id, each.kind) for each in told.hooks)
    assert not any("no webhook_secret yet" in line for line in told.say)
    assert any("no webhook_secret yet" in line for line in addresses(APPS["zohobooks"], SECRETLESS, BOX).say)


def test_an_app_that_signs_nothing_has_secret_addresses_for_what_it_can_tell_and_one_for_senders_that_sign() -> None:
    told = addresses(APPS["togai"], TOGAI, BOX)
    secret = {each.kind: each.path for each in told.hooks if not each.signed}

    assert secret.keys() == {name for name, trigger in APPS["togai"].triggers.items() if trigger.fetch}
    assert all(BOX.hook_token(TOGAI.id) in path for path in secret.values())
    assert [each.path for each in told.hooks if each.signed] == [signed_path("togai", TOGAI.id)]
    assert not any(each.signed for each in addresses(APPS["togai"], UNSIGNED, BOX).hooks)
