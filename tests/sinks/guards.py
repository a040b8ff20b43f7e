"""Every guard of the effect protocol, the edit that takes it out, and the test that then fails.

`python -m tests.sinks.prove_guards` applies each edit to a copy and runs its test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """`old` occurs once in `file` and becomes `new`; `test` is a pytest node id below ``tests``."""

    name: str
    promise: str
    file: str
    old: str
    new: str
    test: str


_FAILURES = "sinks/test_worker_failures.py::"
_OWNER = "sinks/test_owner.py::"
_TAKEOVER = "sinks/test_worker_takeover.py::"
_COMMANDS = "sinks/test_worker_commands.py::"
_ZOMBIE = f"{_FAILURES}test_a_worker_paused_past_its_session_starts_no_call_and_publishes_nothing_when_it_wakes"
_HAND_OVER = f"{_FAILURES}test_sigterm_hands_over_without_leaving_a_command_in_doubt"

GUARDS = (
    Guard(
        "offset-fence",
        "every transaction carries the offsets of what it touches: a worker that lost its partitions cannot commit",
        "pipeline/sinks/worker.py",
        "            for index in tick.touched\n            for topic",
        "            for index in tick.touched\n            if not tick.ended\n            for topic",
        _ZOMBIE,
    ),
    Guard(
        "body-in-intent",
        "a ledger row holds the whole command: the offset has moved past it",
        "pipeline/sinks/entry.py",
        "command=self.command,\n            topic=",
        "command=Command(**{name: getattr(self.command, name) for name in Command.__struct_fields__} | {'input': {}}),"
        "\n            topic=",
        f"{_OWNER}test_an_intent_holds_the_whole_command",
    ),
    Guard(
        "restore-to-high-watermark",
        "the ledger is read to its real end, past what an open transaction of a dead worker hides",
        "pipeline/kafka/compacted.py",
        """self._access.reader({"isolation.level": "read_uncommitted"})""",
        "self._access.reader()",
        f"{_TAKEOVER}test_an_open_transaction_of_a_dead_producer_in_the_ledger_is_waited_for",
    ),
    Guard(
        "one-open-command-a-party",
        "the next command of a party starts when the one before it has ended",
        "pipeline/sinks/parties.py",
        "        return len(queue) == 1\n",
        "        return True\n",
        f"{_OWNER}test_one_party_has_one_open_call_and_keeps_its_order",
    ),
    Guard(
        "drain",
        "calls in flight end before a partition is handed over",
        "pipeline/sinks/worker.py",
        "deadline = time.monotonic() + self._timing.drain",
        "deadline = time.monotonic()",
        _HAND_OVER,
    ),
    Guard(
        "give-back",
        "what was armed and never called is queued for the next owner, not in doubt",
        "pipeline/sinks/partition.py",
        "                owner.give_back(tick)\n",
        "",
        _HAND_OVER,
    ),
    Guard(
        "lease",
        "no call starts after the lease that the last commit renewed",
        "pipeline/sinks/calls.py",
        "budget.owner.closing or not self._lease.held",
        "budget.owner.closing",
        "sinks/test_worker_lease.py::test_no_request_leaves_once_the_lease_is_over",
    ),
    Guard(
        "lease-within-session",
        "the lease ends before the session can",
        "pipeline/sinks/timing.py",
        "return self.session - self.heartbeat",
        "return 4.0",
        "sinks/test_worker_lease.py::test_the_lease_ends_before_the_session_can",
    ),
    Guard(
        "intent-before-call",
        "a call starts when its intent is committed, not before",
        "pipeline/sinks/owner.py",
        "        self._store(entry, tick)\n        tick.starts.append(",
        "        tick.starts.append(",
        f"{_OWNER}test_one_party_has_one_open_call_and_keeps_its_order",
    ),
    Guard(
        "doubt",
        "an intent that a predecessor left is in doubt for the quiet period, not called at once",
        "pipeline/sinks/owner.py",
        "                    entry.due = now + self.state.quiet_period\n",
        "                    entry.due = now\n",
        f"{_OWNER}test_a_restored_intent_is_in_doubt_and_its_party_waits_behind_it",
    ),
    Guard(
        "mapping-clash",
        "a pair that would give an object a second counterpart is refused",
        "pipeline/sinks/owner.py",
        "            if clash:\n",
        "            if False:\n",
        f"{_OWNER}test_a_clash_with_an_existing_pair_is_refused_and_nothing_is_overwritten",
    ),
    Guard(
        "dedupe-open",
        "a command that is open already is not taken twice",
        "pipeline/sinks/owner.py",
        "        if command.id in self._known:\n            return\n",
        "",
        "sinks/test_worker_owner.py::test_a_command_that_came_twice_while_it_was_open_has_one_result",
    ),
    Guard(
        "limiter-restore",
        "the calls of a predecessor count",
        "pipeline/sinks/state.py",
        "            calls=state.calls,\n",
        "            calls=[],\n",
        f"{_TAKEOVER}test_the_quota_of_a_minute_holds_across_a_kill_9",
    ),
    Guard(
        "reschedule-restored",
        "heads that a predecessor left waiting go on",
        "pipeline/sinks/owner.py",
        "            self._activate(head, now)\n\n    def release",
        "            pass\n\n    def release",
        f"{_OWNER}test_a_restored_intent_is_in_doubt_and_its_party_waits_behind_it",
    ),
    Guard(
        "move-aside",
        "connections that share a partition do not hold each other up",
        "pipeline/sinks/partition.py",
        "if owner.wants() or (self._crowded and len(owner.parties) < OPEN_COMMANDS):",
        "if owner.wants():",
        f"{_COMMANDS}test_a_blocked_organization_stops_its_connection_and_no_other_on_the_partition",
    ),
    Guard(
        "one-refresh",
        "one token request at a time, and none where another got a token meanwhile",
        "pipeline/apps/zohobooks/auth.py",
        "            if held and held.value != rejected:\n                return held.value\n",
        "",
        f"{_COMMANDS}test_many_rejected_calls_at_once_cost_one_token_request",
    ),
)
