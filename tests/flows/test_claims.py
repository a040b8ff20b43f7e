"""Two links that would write the same object are rivals, unless it is seen that they never will."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.apps.registry import load_apps
from pipeline.flows.claims import rivals
from pipeline.flows.compile import CompiledFlow, load_flow
from pipeline.flows.exclusion import exclude, facts
from pipeline.schemas.records import Link
from tests.flows.toy import FLOW, toy_apps

LINK = Link(id="one", flow="orders", flow_version="1", connections={"togai": "shop-1", "book": "book-1"})
ALL = ["book put_party", "book book", "togai label"]


def other(**changed: Any) -> Link:
    return Link(**{"id": "two", "flow": "orders", "flow_version": "1", "connections": LINK.connections, **changed})


def found(text: str = FLOW, link: Link = LINK, other_text: str = FLOW, other_link: Link | None = None) -> list[str]:
    apps = toy_apps()
    return rivals(load_flow(text, apps), link, load_flow(other_text, apps), other_link or other())


def with_clause(clause: str) -> str:
    return FLOW.replace('data.status == "open"', clause)


def test_one_flow_twice_for_the_same_connections_writes_the_same_objects() -> None:
    assert found() == ALL


def test_another_source_destination_or_trigger_is_another_object() -> None:
    assert found(other_link=other(connections={"togai": "shop-2", "book": "book-1"})) == []
    assert found(other_link=other(connections={"togai": "shop-1", "book": "book-2"})) == ["togai label"]
    paid = FLOW.replace("order.created", "order.paid").replace("${document}", "{type: x, id: y, name: z}")
    paid = paid.replace("${document.type}", "x").replace("${document.id}", "y")
    assert found(other_text=paid) == []


def test_a_copy_that_names_its_objects_otherwise_or_leaves_an_action_out_is_no_rival_there() -> None:
    assert found(other_link=other(options={"label": "OtherId"})) == ["book put_party", "book book"]
    assert found(other_link=other(options={"mark": False})) == ["book put_party", "book book"]
    renamed = FLOW.replace('type: "${document.type}"', "type: order")
    assert found(other_text=renamed) == ALL, "not seen to be another object"
    assert "book put_party" not in found(text=renamed, other_text=FLOW.replace('"${document.type}"', "buyer"))


def test_what_only_makes_what_is_missing_may_be_asked_for_by_many() -> None:
    apps = toy_apps()
    apps["book"].actions["put_party"].shared = True
    flow = load_flow(FLOW, apps)
    assert rivals(flow, LINK, flow, other()) == ["book book", "togai label"]


def test_conditions_that_exclude_each_other_tell_two_flows_apart() -> None:
    open_, paid = with_clause('data.status == "open"'), with_clause('data.status == "paid"')
    assert found(text=open_, other_text=paid) == []
    narrowed = with_clause('data.status == "open" && data.total > 100')
    assert found(text=open_, other_text=narrowed) == ALL
    by_option = with_clause("data.status == options.label")
    assert found(by_option, other(options={"label": "a"}), by_option, other(options={"label": "b"})) == []
    assert found(by_option, other(options={"label": "a"}), by_option, other(options={"label": "a"})) == ALL


@pytest.mark.parametrize(
    ("one", "two", "excluded"),
    [
        ('data.a == "x"', 'data.a == "y"', True),
        ('data.a == "x"', 'data.b == "y"', False),
        ('data.a == "x"', 'data.a != "x"', True),
        ('data.a in ["x", "y"]', 'data.a == "z"', True),
        ('data.a in ["x", "y"]', '!(data.a in ["y", "x", "z"])', True),
        ('data.a in ["x", "y"]', 'data.a != "x"', False),
        ("data.n > 100", "data.n <= 100", True),
        ("data.n >= 100", "data.n <= 100", False),
        ("data.n < 5", "data.n == 7.50", True),
        ("!(data.n < 5)", "data.n < 5", True),
        ("data.flag", "!data.flag", True),
        ("data.flag == true", "!data.flag", True),
        ("has(data.a)", "!has(data.a)", True),
        ('data.a == "x"', "!has(data.a)", True),
        ('data.a == "x" && data.n > 0', 'data.n > 5 && data.a == "y"', True),
        ('data.a == "x" || data.n > 0', 'data.a == "y"', False),
        ('(data.a == "x") && data.n > 0', 'data.a == "y"', False),
        ('data.a == "x && y"', 'data.a == "z"', True),
        ("data.a == options.word", 'data.a == "y"', True),
        ("data.a == options.none", 'data.a == "y"', False),
        ('data.a.startsWith("x")', 'data.a == "y"', False),
        ("data.n == 1", "data.n == 1.0", False),
        ("data.n == 1", "data.n == true", True),
    ],
)
def test_what_is_seen_to_be_excluded(one: str, two: str, excluded: bool) -> None:
    options = {"word": "x"}
    assert exclude(facts(one, options), facts(two, options)) is excluded
    assert exclude(facts(two, options), facts(one, options)) is excluded


def test_a_setting_is_named_by_its_id_whatever_its_value() -> None:
    apps = load_apps()

    def flow(id: str, setting: str, value: str) -> CompiledFlow:
        given = f"{{entity_type: ACCOUNT, entity_id: '${{trigger.subject}}', id: {setting}, value: {value}}}"
        text = f"""\
id: {id}
name: {id}
type: outbound
trigger: {{app: togai, event: account.created}}
actions: [{{id: setting, app: togai, action: put_setting, input: {given}}}]
"""
        return load_flow(text, apps)

    def link(id: str) -> Link:
        return Link(id=id, flow=id, flow_version="1", connections={"togai": "togai-main"})

    assert rivals(flow("a", "Id", "one"), link("a"), flow("b", "Id", "two"), link("b")) == ["togai put_setting"]
    assert rivals(flow("a", "Id", "one"), link("a"), flow("b", "OtherId", "one"), link("b")) == []


def test_many_links_may_ask_zoho_books_for_the_same_customer() -> None:
    assert load_apps()["zohobooks"].actions["ensure_contact"].shared  # type: ignore[attr-defined]
