"""Flows that would start themselves: an action that makes, in the app that the flow starts in, what it starts on.

Nothing declares which events an action causes. Names say it: a trigger is called ``<object>.<what happened>``, an
action ``<verb>_<object>``, both with the app's own nouns. A flow and its counterpart in the other direction are no
loop: the write of one is an echo for the other.
"""

from __future__ import annotations

from typing import Any

from pipeline.apps.base import Action, Trigger

_BEGINNINGS = frozenset({"created", "generated", "recorded", "granted"})
_CHANGES = frozenset({"updated"})
_MAKING = frozenset({"create", "record", "grant", "upsert", "ensure"})
_MAKING_ONLY = _MAKING - {"upsert"}


def makes_its_trigger(trigger: Trigger, action: Action[Any]) -> bool:
    """Whether the action, of the trigger's own app, makes another object of the kind whose making starts the flow.

    One that goes through all objects gives each as an event, whatever starts the flow.
    """
    if _verb(action) == "sync" and action.name == f"sync_{trigger.object}s":
        return True
    return _happened(trigger) in _BEGINNINGS and _verb(action) in _MAKING and _writes(action, trigger.object)


def may_start_again(trigger: Trigger, action: Action[Any]) -> bool:
    """Whether the action, of the trigger's own app, changes an object of the kind whose change starts the flow."""
    changes = action.repeat != "read" and _verb(action) not in _MAKING_ONLY
    return _happened(trigger) in _CHANGES and changes and _writes(action, trigger.object)


def _happened(trigger: Trigger) -> str:
    return trigger.name.rpartition(".")[2]


def _verb(action: Action[Any]) -> str:
    return action.name.partition("_")[0]


def _writes(action: Action[Any], noun: str) -> bool:
    """`invoice` is written by `create_invoice` and by `mark_invoice_paid`."""
    words = action.name.partition("_")[2]
    return bool(noun) and (words == noun or words.startswith(f"{noun}_"))
