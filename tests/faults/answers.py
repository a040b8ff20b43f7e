"""Wrong answers to every kind of call that the flows make, while an operator mends what stops and redrives refusals.

Where an answer is final by its documented meaning, the right end is one refusal with a complete dead letter; sent again
when the fault is gone, it ends well. What has neither is lost.
"""

from __future__ import annotations

import random
import time
from email.utils import format_datetime

import msgspec

from pipeline.cli.run import Role
from pipeline.clock import utc
from pipeline.sandbox.faults import Fault as Rule
from pipeline.sandbox.faults import bad_gateway, blocked, refused_in_200, server_error
from tests.faults.calls import Mix, Pair
from tests.faults.fault import Fault, Row, Size
from tests.faults.lab import Lab
from tests.faults.operator import Operator

PAGE = "<html><body><h1>Sorry</h1></body></html>"
EXISTS = "The record already exists."


def _page(status: int, *, apply: bool = False) -> Rule:
    return Rule(
        effect="answer", name=f"{status} with a page", status=status, body=PAGE, content_type="text/html", apply=apply
    )


def _zoho(status: int, code: int, words: str = "no", **where: str) -> Rule:
    body = msgspec.json.encode({"code": code, "message": words}).decode()
    return Rule(effect="answer", name=f"{status} with code {code}", status=status, body=body, **where)  # type: ignore[arg-type]


def _togai(status: int, name: str = "", **headers: str) -> Rule:
    body = '{"message": "no"}'
    return Rule(effect="answer", name=name or f"{status} of Togai", status=status, body=body, headers=headers)


BROKEN = (
    Rule(effect="cut", name="cut JSON", length=25),
    Rule(effect="answer", name="empty 200, applied", status=200, apply=True),
    Rule(effect="drip", name="slow drip", length=200, seconds=0.02),
    Rule(effect="drip", name="drip past the time-out", length=20, seconds=0.1),
    Rule(effect="reset", name="reset"),
    bad_gateway(name="502 with a page"),
    Rule(effect="answer", name="502 with a page, applied", status=502, body=PAGE, content_type="text/html", apply=True),
    _page(400),
    _page(404),
)
BOOKS = (
    *BROKEN,
    _zoho(400, 15, "Please ensure that the field has less than 101 characters.", path="*/invoices*"),
    Rule(effect="answer", name="401", status=401, body='{"code":57,"message":"You are not authorized"}', times=4),
    _zoho(404, 1002, "The record does not exist."),
    _zoho(409, 900002, EXISTS),
    blocked(name="429 with code 44 and headers"),
    blocked(headers=False, name="429 with code 44"),
    Rule(effect="answer", name="429 alone", status=429),
    Rule(
        effect="answer",
        name="429 with code 45",
        status=429,
        body='{"code":45,"message":"spent"}',
        headers={"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1"},
    ),
    _zoho(429, 1070),
    server_error(name="500 with code 1000"),
    server_error(name="500 with code 1000, applied", apply=True),
    refused_in_200(1000, "Internal Error", name="200 with code 1000"),
    refused_in_200(44, "blocked", name="200 with code 44"),
    refused_in_200(900003, EXISTS, name="200 with code 900003"),
    Rule(effect="answer", name="empty 200", status=200),
)
TOGAI = (
    *(msgspec.structs.replace(rule, name=f"{rule.name}, Togai") for rule in BROKEN if not rule.name.startswith("4")),
    *(_togai(status) for status in (400, 403, 404, 409, 500)),
    _togai(429),
    _togai(429, "429 with Retry-After", **{"Retry-After": "1"}),
    _togai(200, "200 with an error, Togai"),
    msgspec.structs.replace(_togai(401), times=2),
)
"""A 401 stops the connection until an operator resumes it, so there are few."""


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    """Backlogs, and accounts that are known by hints, so that their objects are fetched first.

    In the long form the start-up checks meet some, too. Token requests are for another fault: there are few.
    """
    accounts, hinted, seconds = {Size.SHORT: (12, 4, 60.0), Size.LONG: (100, 30, 420.0)}[size]
    with lab.fresh() as machine:
        pair = Pair(machine, rng)
        if size is Size.LONG:
            _trouble_the_checks(pair, rng)
        machine.start(Role.AGENTS, Role.SINKS)
        pair.work()
        pair.clear()
        events = [*pair.backlog(accounts, outdated=0.5), *pair.hints(hinted)]
        Mix([_on("/books/*", rule) for rule in BOOKS], share=0.4).place(machine.twins.books, rng)
        Mix((*TOGAI, _until_a_date()), share=0.4).place(machine.twins.togai, rng)
        progress = pair.send(events)
        operator = Operator([pair], progress)
        operator.work_until(lambda: progress.done, seconds / 2)
        pair.clear()
        operator.work_until(operator.satisfied, seconds)
        machine.stop()
        operator.expect_refusals()
        return pair.row(operator.letters())


def _on(path: str, rule: Rule) -> Rule:
    return rule if rule.path != "*" else msgspec.structs.replace(rule, path=path)


def _trouble_the_checks(pair: Pair, rng: random.Random) -> None:
    """A failed check is made again after some seconds, so there are few."""
    twins = pair.machine.twins
    for served, path in ((twins.books, "/books/v3/organizations"), (twins.books, "*/settings/*"), (twins.togai, "*s")):
        Mix([_on(path, rule) for rule in rng.sample(BROKEN, 2)], share=0.6, each=2).place(served, rng)


def _until_a_date() -> Rule:
    """Retry-After as an HTTP date, two seconds from now."""
    date = format_datetime(utc(time.time() + 2), usegmt=True)
    return _togai(429, "429 until a date", **{"Retry-After": date})


FAULTS = (Fault("wrong answers", 3, run),)
