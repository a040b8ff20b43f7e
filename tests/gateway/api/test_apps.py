"""Apps over the API: what to ask a person for, what starts a flow, what an action needs and why it may be repeated."""

from __future__ import annotations

import jsonschema

from tests.gateway.api.conftest import Served


def test_the_list_names_the_installed_apps_with_what_they_offer(served: Served) -> None:
    cards = served.client.get("/api/v1/apps").json()

    assert [card["name"] for card in cards] == list(served.parts.apps)
    for card in cards:
        app = served.parts.apps[card["name"]]
        assert (card["triggers"], card["actions"]) == (list(app.triggers), list(app.actions))


def test_an_app_shows_its_form_and_a_schema_for_each_part_that_its_own_sample_meets(served: Served) -> None:
    for name, app in served.parts.apps.items():
        shown = served.client.get(f"/api/v1/apps/{name}").json()
        assert {field["name"]: field["description"] for field in shown["connection"]["secrets"]} == dict(app.secrets)
        assert set(shown["connection"]["settings"]["properties"]) == set(app.settings.model_fields)
        assert not set(app.secrets) & set(shown["connection"]["settings"]["properties"])
        assert [trigger["name"] for trigger in shown["triggers"]] == list(app.triggers)
        for trigger in shown["triggers"]:
            jsonschema.validate(trigger["sample"], trigger["schema"])
        assert [action["name"] for action in shown["actions"]] == list(app.actions)
        for action in shown["actions"]:
            jsonschema.Draft202012Validator.check_schema(action["input"])
            jsonschema.Draft202012Validator.check_schema(action["output"])
            assert action["calls"], action["name"]
            assert action["safe"] != action["repeat"], "a sentence for people"
