"""Checking a flow: every fault at once, each with its place."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.flows.compile import load_flow
from pipeline.flows.source import FlowFaults
from tests.flows.toy import FLOW, toy_apps


def faults(text: str) -> list[str]:
    with pytest.raises(FlowFaults) as caught:
        load_flow(text, toy_apps(), "orders.yaml")
    return str(caught.value).splitlines()


def place(text: str, word: str) -> str:
    """``line:column`` of the first occurrence of `word`."""
    before = text[: text.index(word)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@pytest.mark.parametrize(
    ("right", "wrong", "at", "said"),
    [
        ("type: outbound", "type: inbound", "inbound", "a flow that starts in togai is outbound, not inbound"),
        ("app: togai, event", "app: togay, event", "togay", "there is no app 'togay'; did you mean 'togai'?"),
        ("order.created", "order.made", "order.made", "togai has no trigger 'order.made'; did you mean"),
        ("action: book", "action: bok", "bok", "book has no action 'bok'; did you mean 'book'?"),
        ("id: booking", "id: contact", "contact\n    app: book\n    action: book\n", "called 'contact' already"),
        ("data.total > 0", "data.totl > 0", "data.totl", "there is no 'totl'; did you mean 'total'?"),
        ("data.total > 0", "has(data.totl)", "data.totl", "there is no 'totl'"),
        ("data.total > 0", "data.address.town == 'x'", "data.address", "there is no 'town'; there are city"),
        ("data.total > 0", "data.status.x == 'x'", "data.status.x", "nothing is below the value before 'x'"),
        ("data.total > 0", "true && data.status == 3", "== 3", "no matching overload for '_==_'"),
        ("data.total > 0", "data.paid == 'yes'", "== 'yes'", "no matching overload for '_==_'"),
        ("data.total > 0", "data.total >", "\noptions:", "Syntax error"),
        ("data.total > 0", "data.total + 1.0", "data.total", "must be true or false, this one gives DOUBLE"),
        ("data.total > 0", "data == 1", "data ==", "name the field: data.<field>"),
        ("data.total > 0", "steps.contact.x == 1", "steps.contact.x ", "steps cannot be read here"),
        ("data.total > 0", "options.sned", "options.sned", "there is no 'sned'; did you mean 'send'?"),
        ("data.total > 0", "options.label == 1", "== 1", "no matching overload"),
        ("- options.mark", "- steps.label.x == 1", "steps.label.x ", "there is no 'label'"),
        ("${options.missing}", "${options.misssing}", "${options.misssing}", "did you mean 'missing'?"),
        ("${options.missing}", "${options.send}", "${options.send}", "must be text, and options.send is true or false"),
        ("${options.missing}", "maybe", "maybe", "invalid enum value 'maybe'"),
        (
            "[create, skip]",
            "[create, park, skip]",
            "${options.missing}",
            "may be 'park', which this input does not take",
        ),
        ("${steps.contact.contact_id}", "${steps.booking.x}", "${steps.booking", "'booking' is this action"),
        ("${steps.contact.contact_id}", "${steps.label.x}", "${steps.label", "'label' is a later action"),
        ("${steps.contact.contact_id}", "${steps.nobody.x}", "${steps.nobody", "there is no 'nobody'"),
        ("${steps.contact.contact_id}", "${steps.contact}", "${steps.contact}\n", "steps.<action id>.<field>"),
        ("Order ${trigger.subject}", "Order ${trigger.subjct}", "${trigger.subjct}", "a trigger has data and subject"),
        ("Order ${trigger.subject}", "Order ${trigger.subject", "${trigger.subject ", "is no reference"),
        ("Order ${trigger.subject}", "Order ${who}", "${who}", "nothing is called 'who'"),
        ("${trigger.data.total}", "${trigger.data.totals}", "${trigger.data.totals}", "did you mean 'total'?"),
        ("${trigger.data.total}", "${trigger.data.paid}", "${trigger.data.paid}", "must be a number, and"),
        ("${trigger.data.total}", "about ${trigger.data.total}", "about", "a reference inside a text gives text"),
        ("${trigger.data.total}", "${trigger.data.lines}", "${trigger.data.lines}", "must be a number, and"),
        (
            "party: ${document}",
            "party: ${document.name}",
            "${document.name}",
            "must be a Party, and document.name is text",
        ),
        ("party: ${document}", "party: ${document.nme}", "${document.nme}", "did you mean 'name'?"),
        ("party: ${document}", "party: [a]", "[a]", "must be a Party, not a list"),
        (
            "      missing: ${opt",
            "      mising: ${opt",
            "mising: ",
            "there is no input 'mising'; did you mean 'missing'?",
        ),
        ("      amount: ${trigger.data.total}\n", "", "input:\n      contact_id", "needs 'amount'"),
        ('type: "${document.type}", ', "", "source: ", "needs 'type'"),
        (
            "{type: boolean, default: false}",
            "{type: boolean, default: 'x'}",
            "'x'}",
            "the default must be true or false, not 'x'",
        ),
        ("default: create", "default: crate", "crate", "must be one of create, skip, not 'crate'"),
        ("{type: string, ", "{type: string, choices: [a], ", "[a]", "only a choice has choices, not a string"),
        ("choices: [create, skip], default: create", "default: create", "choice, default", "a choice needs 'choices'"),
    ],
)
def test_a_fault_of_meaning_names_its_line_and_column(right: str, wrong: str, at: str, said: str) -> None:
    assert right in FLOW
    text = FLOW.replace(right, wrong, 1)
    found = faults(text)
    assert any(said in fault and fault.startswith(f"orders.yaml:{place(text, at)}: ") for fault in found), found


@pytest.mark.parametrize(
    ("right", "wrong", "at", "said"),
    [
        ("id: orders\n", "id: Orders!\n", "Orders!", "'id' must match"),
        ("type: outbound", "type: sideways", "sideways", "'type' must be 'outbound' or 'inbound'"),
        ("name: Orders to the book\n", "", "id: orders", "'name' is missing"),
        ("name: Orders to the book", "name: 3", "3\n", "'name' must be text"),
        ("name: Orders to the book", "nam: Orders", "nam: ", "unknown key 'nam'"),
        ("  - data.total > 0", "  - [1]", "[1]", "must be text"),
        ("{type: boolean, default: false}", "{type: boolean, defalt: false}", "defalt", "unknown key 'defalt'"),
    ],
)
def test_a_fault_of_shape_names_its_line_and_column(right: str, wrong: str, at: str, said: str) -> None:
    assert right in FLOW
    text = FLOW.replace(right, wrong, 1)
    found = faults(text)
    assert any(said in fault and fault.startswith(f"orders.yaml:{place(text, at)}: ") for fault in found), found


def test_all_faults_are_said_at_once_in_the_order_of_the_file() -> None:
    text = (
        FLOW.replace("name: Orders", "colour: red\nname: Orders", 1)
        .replace("data.total > 0", "data.totl > 0")
        .replace("${options.missing}", "${options.misssing}")
        .replace("${steps.contact.contact_id}", "${steps.label.x}")
    )
    found = faults(text)
    assert [fault.split(": ")[1][:12] for fault in found] == [
        "unknown key ",
        "data.totl",
        "options.miss",
        "steps.label.",
    ]


def test_a_clause_over_several_lines_is_faulted_on_its_own_line() -> None:
    text = FLOW.replace("  - data.total > 0\n", "  - |\n    data.paid ||\n      data.totl > 0\n")
    assert faults(text) == ["orders.yaml:9:7: data.totl: there is no 'totl'; did you mean 'total'?"]


def test_a_trigger_without_document_is_said() -> None:
    text = FLOW.replace("order.created", "order.paid")
    assert all("togai offers no document of order.paid" in fault for fault in faults(text))


def test_the_version_depends_on_the_content_alone() -> None:
    apps = toy_apps()
    version = load_flow(FLOW, apps).version
    assert load_flow("# a remark\n" + FLOW.replace("options:\n", "options:   # theirs\n"), apps).version == version
    assert load_flow(FLOW.replace("data.total > 0", "data.total > 1"), apps).version != version


@pytest.mark.parametrize("text", ["", "[]", "just words", "- a\n- b\n"])
def test_what_is_no_mapping_is_no_flow(text: str) -> None:
    assert faults(text) == ["orders.yaml:1:1: a flow is a mapping with id, name, type, trigger and actions"]


def test_the_apps_of_a_flow_are_those_of_its_trigger_and_actions() -> None:
    flow = load_flow(FLOW, toy_apps())
    assert flow.apps == ("togai", "book")


def test_option_faults_name_each_option() -> None:
    flow = load_flow(FLOW, toy_apps())
    given: dict[str, Any] = {"send": "yes", "missing": "park", "lable": "x"}
    assert flow.option_faults(given) == [
        ("lable", "there is no such option; did you mean 'label'?"),
        ("send", "must be true or false, not 'yes'"),
        ("missing", "must be one of create, skip, not 'park'"),
    ]
