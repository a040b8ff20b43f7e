"""The API's token and the apps there are, from the command line; neither needs Kafka."""

from __future__ import annotations

from pipeline.cli.exits import Exit
from pipeline.gateway.api.token import TOKEN_FILE
from tests.cli.conftest import Cli


def test_the_token_is_printed_alone_and_where_it_is_beside_it(bare_cli: Cli) -> None:
    ran = bare_cli("api", "token")

    assert ran.out.strip() == (bare_cli.state / TOKEN_FILE).read_text().strip(), "for $(pipeline api token)"
    assert str(bare_cli.state / TOKEN_FILE) in ran.err
    assert bare_cli("api", "token", "--json").rows[0]["token"] == ran.out.strip()
    renewed = bare_cli("api", "token", "--renew").out
    assert renewed not in ("", ran.out)
    assert bare_cli("api", "token").out == renewed

    bare_cli.environment.setenv("PIPELINE_API_TOKEN", "chosen-by-a-person-0123")
    assert bare_cli("api", "token").out.strip() == "chosen-by-a-person-0123"
    refused = bare_cli("api", "token", "--renew")
    assert (refused.code, "PIPELINE_API_TOKEN is set" in refused.err) == (Exit.MISTAKE, True)
    assert (bare_cli.state / TOKEN_FILE).read_text().strip() == renewed.strip()


def test_the_pipeline_does_not_run_where_others_reach_it_without_a_token_that_somebody_chose(bare_cli: Cli) -> None:
    bare_cli.environment.setenv("PIPELINE_GATEWAY_HOST", "0.0.0.0")

    ran = bare_cli("run", "--role", "gateway")

    assert ran.code == Exit.MISTAKE
    assert "PIPELINE_API_TOKEN" in ran.err


def test_apps_are_listed_and_shown_with_their_forms_triggers_and_actions(bare_cli: Cli) -> None:
    assert {row["name"] for row in bare_cli("apps", "list", "--json").rows} >= {"togai", "zohobooks"}
    shown = bare_cli("apps", "show", "zohobooks").out
    for part in ("organization_id", "self_client_code", "contact.created", "upsert_contact", "keyed: "):
        assert part in shown
    [row] = bare_cli("apps", "show", "togai", "--json").rows
    assert {"environment", "base_url"} <= row["connection"]["settings"]["properties"].keys()
    assert row["connection"]["secrets"][0]["name"] == "api_token"
    assert bare_cli("apps", "show", "slack").code == Exit.MISTAKE
