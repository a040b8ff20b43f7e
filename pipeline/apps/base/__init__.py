"""What an app is: the seam that Togai, Zoho Books and any third app fill in the same way.

An action is two parts. `plan` is pure: it decides from the input and what is known (create, update, unchanged, park,
refuse …). `apply` carries a planned call out. Previews, replay plans and no-op replays use `plan` alone.
"""

from pipeline.apps.base.actions import Action, Applied, Input
from pipeline.apps.base.app import App, ChecksSecrets, Direction, NamesItsPlace
from pipeline.apps.base.hooks import GuidesHooks, Hook, SignsHooks
from pipeline.apps.base.http import Request, Response, Transport
from pipeline.apps.base.planning import Call, Mapped, Pair, Park, Plan, Refuse, Skip, Superseded, Unchanged, View
from pipeline.apps.base.polls import Found, Poll, Polled, Polling
from pipeline.apps.base.sessions import DayQuota, Quota, Session, StartupCheck, SurveysItself, Token, TokenStore
from pipeline.apps.base.triggers import Trigger

__all__ = [
    "Action",
    "App",
    "Applied",
    "Call",
    "ChecksSecrets",
    "DayQuota",
    "Direction",
    "Found",
    "GuidesHooks",
    "Hook",
    "Input",
    "Mapped",
    "NamesItsPlace",
    "Pair",
    "Park",
    "Plan",
    "Poll",
    "Polled",
    "Polling",
    "Quota",
    "Refuse",
    "Request",
    "Response",
    "Session",
    "SignsHooks",
    "Skip",
    "StartupCheck",
    "Superseded",
    "SurveysItself",
    "Token",
    "TokenStore",
    "Transport",
    "Trigger",
    "Unchanged",
    "View",
]
