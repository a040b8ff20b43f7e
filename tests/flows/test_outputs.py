"""What a step gives is known before anything runs: a misspelt field is found with its place, and a right one is not."""

from __future__ import annotations

import pytest

from pipeline.apps.registry import load_apps
from pipeline.flows.compile import load_flow
from pipeline.flows.source import FlowFaults

FLOW = """\
id: outputs
name: Outputs
description: Reads what earlier steps gave.
type: outbound
trigger: {{app: togai, event: invoice.generated}}
actions:
  - id: step
    app: {app}
    action: {action}
    input: {input}
  - id: reads
    app: togai
    action: get_account
    input:
      id: ${{steps.step.{field}}}
"""
READ = '{id: "1"}'
SETTING = '{entity_type: ACCOUNT, entity_id: "1", id: x, value: y}'
SENT = '{invoice_id: "1"}'


def load(action: str, given: str, field: str) -> None:
    app, _, name = action.partition(".")
    load_flow(FLOW.format(app=app, action=name, input=given, field=field), load_apps(), "outputs.yaml")


@pytest.mark.parametrize(
    ("action", "given", "right", "wrong", "said"),
    [
        ("zohobooks.get_contact", READ, "contact_id", "contact_idd", "did you mean 'contact_id'?"),
        ("zohobooks.get_invoice", READ, "balance", "balanc", "did you mean 'balance'?"),
        ("zohobooks.mark_invoice_sent", SENT, "status", "stat", "did you mean 'status'?"),
        ("togai.put_setting", SETTING, "value", "valu", "did you mean 'value'?"),
        ("togai.get_account", READ, "invoiceCurrency", "invoice_currency", "did you mean 'invoiceCurrency'?"),
        ("togai.get_customer", READ, "name", "nam", "did you mean 'name'?"),
        ("togai.get_invoice", READ, "sequenceId", "revenueInfo", "there is no 'revenueInfo'"),
    ],
)
def test_a_misspelt_output_is_found_with_its_place(action: str, given: str, right: str, wrong: str, said: str) -> None:
    load(action, given, right)
    with pytest.raises(FlowFaults) as caught:
        load(action, given, wrong)
    (fault,) = str(caught.value).splitlines()
    assert fault.startswith("outputs.yaml:15:11")
    assert said in fault
