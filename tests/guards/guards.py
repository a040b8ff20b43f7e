"""Every guard of the promises, the edit that takes it out, and the test that then fails.

`python -m tests.guards` applies each edit to a copy and runs its test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """`old` occurs once in `file` and becomes `new`; `test` is a pytest node id below ``tests``.

    `kafka`: the test needs a broker. `model`: the model (`tests/model`) fails without the guard as well.
    """

    name: str
    promise: str
    file: str
    old: str
    new: str
    test: str
    kafka: bool = False
    model: bool = False


_FAILURES = "sinks/test_worker_failures.py::"
_OWNER = "sinks/test_owner.py::"
_ASIDE = "sinks/test_aside.py::"
_BEHIND = "sinks/test_behind.py::"
_LIMITER = "sinks/test_limiter.py::"
_MAPPINGS = "sinks/test_mappings.py::"
_TAKEOVER = "sinks/test_worker_takeover.py::"
_COMMANDS = "sinks/test_worker_commands.py::"
_POLLING = "sinks/test_polling.py::"
_SIGNED = "gateway/test_hooks_signed.py::"
_DECIDE = "agents/test_batch.py::"
_CONTACTS = "apps/zohobooks/test_contacts.py::"
_REFUSED = "apps/zohobooks/test_requests.py::test_what_zoho_cannot_hold_is_refused_before_a_call_with_what_is_wrong"
_ZOMBIE = f"{_FAILURES}test_a_worker_paused_past_its_session_starts_no_call_and_publishes_nothing_when_it_wakes"
_HAND_OVER = f"{_FAILURES}test_sigterm_hands_over_without_leaving_a_command_in_doubt"

FENCE = (
    Guard(
        "offset-fence",
        "every transaction carries the offsets of what it touches: a worker that lost its partitions cannot commit",
        "pipeline/sinks/worker.py",
        "            for index in tick.touched\n            for topic",
        "            for index in tick.touched\n            if not tick.ended\n            for topic",
        _ZOMBIE,
        kafka=True,
    ),
    Guard(
        "lease",
        "no call starts after the lease that the last commit renewed",
        "pipeline/sinks/calls.py",
        "budget.owner.closing or not self._lease.held",
        "budget.owner.closing",
        "sinks/test_worker_lease.py::test_no_request_leaves_once_the_lease_is_over",
        model=True,
    ),
    Guard(
        "gate",
        "the lease is asked again where a request's bytes are written",
        "pipeline/sinks/calls.py",
        '"gate": lambda: self._lease.held,',
        '"gate": lambda: True,',
        f"{_FAILURES}test_a_call_that_was_about_to_leave_when_its_worker_fell_asleep_does_not_leave_when_it_wakes",
        kafka=True,
    ),
    Guard(
        "gate-of-the-body",
        "a request with a body is written a turn later, and the gate is asked then too",
        "pipeline/apps/gate.py",
        "            if gate():\n",
        "            if True:\n",
        "apps/test_gate.py::test_a_gate_that_shuts_before_the_body_is_written_keeps_the_head_back_too",
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
        "drain",
        "calls in flight end before a partition is handed over",
        "pipeline/sinks/worker.py",
        "deadline = time.monotonic() + self._timing.drain",
        "deadline = time.monotonic()",
        _HAND_OVER,
        kafka=True,
    ),
    Guard(
        "give-back",
        "what was armed and never called is queued for the next owner, not in doubt",
        "pipeline/sinks/partition.py",
        "                owner.give_back(tick)\n",
        "",
        "sinks/test_hand_over.py::test_a_call_that_was_armed_and_never_made_is_queued_for_the_next_owner",
    ),
    Guard(
        "agents-in-turn",
        "a batch is committed after the one before it: offsets never pass what was not decided",
        "pipeline/kafka/batch.py",
        "or (bool(self._open) and self._open[0] is batch)",
        "or bool(self._open)",
        "kafka/test_batch.py::test_a_batch_whose_turn_does_not_come_in_time_is_not_committed",
    ),
    Guard(
        "agents-stale",
        "after a batch that failed, none that was handed out behind it is committed",
        "pipeline/kafka/batch.py",
        "                self._void_from(batch)\n            batch._state",
        "            batch._state",
        "kafka/test_batch.py::test_after_a_failure_all_that_follow_are_stale_and_reading_goes_back",
    ),
    Guard(
        "callbacks",
        "what fails while partitions change hands is an exception, which a worker outlives",
        "pipeline/kafka/callbacks.py",
        "except KafkaException as error:",
        "except StopIteration as error:",
        "kafka/test_callbacks.py::test_what_fails_in_a_callback_comes_out_as_an_exception",
        kafka=True,
    ),
    Guard(
        "agents-fence",
        "a member that was shut out cannot commit what it decided",
        "pipeline/kafka/transactions.py",
        "        if offsets:\n",
        "        if False:\n",
        "kafka/test_transactions.py::test_offsets_of_one_who_left_the_group_abort_the_transaction",
        kafka=True,
    ),
    Guard(
        "one-refresh",
        "one token request at a time, and none where another got a token meanwhile",
        "pipeline/apps/zohobooks/auth.py",
        "            if held and held.value != rejected:\n                return held.value\n",
        "",
        f"{_COMMANDS}test_many_rejected_calls_at_once_cost_one_token_request",
        kafka=True,
    ),
)

LEDGER = (
    Guard(
        "intent-before-call",
        "a call starts when its intent is committed, not before",
        "pipeline/sinks/owner.py",
        "        self._store(entry, tick)\n        tick.starts.append(",
        "        tick.starts.append(",
        f"{_OWNER}test_one_party_has_one_open_call_and_keeps_its_order",
        model=True,
    ),
    Guard(
        "body-in-intent",
        "a ledger row holds the whole command: the offset has moved past it",
        "pipeline/sinks/entry.py",
        "command=self.command,\n            topic=",
        "command=Command(**{name: getattr(self.command, name) for name in Command.__struct_fields__} | {'input': {}}),"
        "\n            topic=",
        f"{_OWNER}test_an_intent_holds_the_whole_command",
        model=True,
    ),
    Guard(
        "tombstone",
        "a command that has ended leaves the ledger with its result",
        "pipeline/sinks/ending.py",
        "    if entry.stored:\n",
        "    if False:\n",
        f"{_OWNER}test_a_command_that_succeeded_ends_in_one_result_with_both_mapping_rows_and_a_tombstone",
        model=True,
    ),
    Guard(
        "restore-to-high-watermark",
        "the ledger is read to its real end, past what an open transaction of a dead worker hides",
        "pipeline/kafka/compacted.py",
        """self._access.reader({"isolation.level": "read_uncommitted"})""",
        "self._access.reader()",
        f"{_TAKEOVER}test_an_open_transaction_of_a_dead_producer_in_the_ledger_is_waited_for",
        kafka=True,
    ),
    Guard(
        "reschedule-restored",
        "heads that a predecessor left waiting go on",
        "pipeline/sinks/owner.py",
        "            self._activate(head, now)\n\n    def release",
        "            pass\n\n    def release",
        f"{_OWNER}test_a_restored_intent_is_in_doubt_and_its_party_waits_behind_it",
        model=True,
    ),
    Guard(
        "doubt",
        "an intent that a predecessor left is in doubt for the quiet period, not called at once",
        "pipeline/sinks/owner.py",
        "                    self._timers.set(entry, now + self.state.quiet_period)\n",
        "                    self._timers.set(entry, now)\n",
        f"{_OWNER}test_a_restored_intent_is_in_doubt_and_its_party_waits_behind_it",
        model=True,
    ),
    Guard(
        "doubt-of-our-own",
        "a call whose answer was lost is not repeated before it can have no effect any more",
        "pipeline/sinks/owner.py",
        "self._wait(entry, LedgerState.DOUBT, now + self.state.quiet_period, str(error), tick)",
        "self._wait(entry, LedgerState.DOUBT, now + 1, str(error), tick)",
        f"{_OWNER}test_a_lost_answer_is_in_doubt_until_the_quiet_period_has_passed",
        model=True,
    ),
    Guard(
        "dedupe-open",
        "a command that is open already is not taken twice",
        "pipeline/sinks/owner.py",
        "                self.try_again(known, entry.redrive)\n            return\n",
        "                self.try_again(known, entry.redrive)\n",
        "sinks/test_worker_owner.py::test_a_command_that_came_twice_while_it_was_open_has_one_result",
    ),
)

ORDER = (
    Guard(
        "one-open-command-a-party",
        "the next command of a party starts when the one before it has ended",
        "pipeline/sinks/parties.py",
        "        return len(queue) == 1\n",
        "        return True\n",
        f"{_OWNER}test_one_party_has_one_open_call_and_keeps_its_order",
        model=True,
    ),
    Guard(
        "order-of-taking",
        "what was taken later comes later, whatever the clocks of two owners say",
        "pipeline/sinks/owner.py",
        "self._last_taken = max(entry.taken, self._last_taken + TICK_OF_ORDER)",
        "self._last_taken = entry.taken",
        f"{_OWNER}test_the_order_of_a_party_outlives_owners_whose_clocks_disagree",
        model=True,
    ),
    Guard(
        "one-passes-at-a-time",
        "of a party with a parked head, one command at a time passes it",
        "pipeline/sinks/order.py",
        "                self._passing[party] = entry\n                self.parties.make_ready(entry)\n",
        "                self.parties.make_ready(entry)\n",
        f"{_OWNER}test_one_command_of_a_party_at_a_time_passes_its_parked_head",
        model=True,
    ),
    Guard(
        "passing-is-restored",
        "a call that passed a parked head goes on with the next owner",
        "pipeline/sinks/order.py",
        "        if not head and entry.state in UNDER_WAY:\n",
        "        if False:\n",
        f"{_OWNER}test_a_restored_call_that_passed_a_parked_head_goes_on",
        model=True,
    ),
    Guard(
        "superseded",
        "what is older than what was applied is not applied",
        "pipeline/apps/zohobooks/actions/contacts.py",
        "        if older(input.party.version, mapped.version):\n",
        "        if False:\n",
        f"{_CONTACTS}test_only_a_version_that_is_surely_older_is_superseded",
    ),
    Guard(
        "newer-version-noted",
        "a newer version of the same content is noted: what lies between stays superseded",
        "pipeline/sinks/owner.py",
        "plan.output, pair=plan.pair)",
        "plan.output)",
        "sinks/test_versions.py::test_a_newer_version_of_the_same_content_is_noted_without_a_call",
        model=True,
    ),
    Guard(
        "set-aside",
        "a party waits behind a command that a person has to settle",
        "pipeline/sinks/owner.py",
        "            self.order.set_aside(entry)\n            self._store(entry, tick)\n",
        "            self._store(entry, tick)\n            self.forget(entry)\n",
        f"{_ASIDE}test_the_refusal_has_its_result_and_letter_at_once_and_the_party_waits",
        model=True,
    ),
    Guard(
        "aside-is-restored",
        "a party that was set aside stays so with the next owner",
        "pipeline/sinks/order.py",
        "        if entry.state is LedgerState.ASIDE:\n            self.aside[party] = entry\n        return head",
        "        return head",
        f"{_ASIDE}test_a_successor_keeps_the_party_aside",
        model=True,
    ),
    Guard(
        "stand-in-line",
        "whoever comes behind commands that were passed over waits behind them",
        "pipeline/sinks/partition.py",
        "        if line is None and self._passed_over(arrival, tick):\n            return True\n",
        "",
        f"{_BEHIND}test_what_was_passed_over_starts_in_its_order_and_none_twice",
        model=True,
    ),
    Guard(
        "line-is-restored",
        "a successor reads what was passed over",
        "pipeline/sinks/partition.py",
        "            self.lines.restore(state.connection, state.behind)\n",
        "            pass\n",
        f"{_BEHIND}test_a_successor_goes_on_from_there_and_leaves_nothing_out",
        model=True,
    ),
    Guard(
        "pass-over",
        "connections that share a partition do not hold each other up",
        "pipeline/sinks/partition.py",
        "        elif line is not None or not (self._crowded or arrival.topic in self._bulk):\n",
        "        elif True:\n",
        f"{_BEHIND}test_a_connection_with_a_backlog_holds_up_nobody_beside_it",
    ),
    Guard(
        "deadline",
        "what waits for a mapping is given up at its deadline",
        "pipeline/sinks/owner.py",
        "            elif entry.state is LedgerState.PARKED and self.state.running:\n",
        "            elif False:\n",
        f"{_ASIDE}test_a_parked_command_is_given_up_at_its_deadline_and_says_what_it_waited_for",
    ),
)

LIMITER = (
    Guard(
        "limiter-counts-open-calls",
        "a call that may be under way counts in every window",
        "pipeline/sinks/limiter.py",
        "free = self.limit - reserve - self._used - open_calls - calls",
        "free = self.limit - reserve - self._used - calls",
        f"{_LIMITER}test_a_call_that_may_be_under_way_counts_in_every_window",
        model=True,
    ),
    Guard(
        "limiter-when-sent",
        "a call counts from when it was sent, not from its intent",
        "pipeline/sinks/limiter.py",
        "            self._count([(sent, made)])\n",
        "            self._count([(reserved_at, made)])\n",
        f"{_LIMITER}test_no_window_ever_holds_more_calls_than_its_limit_however_long_after_their_intent_they_are_sent",
    ),
    Guard(
        "limiter-restore",
        "the calls of a predecessor count",
        "pipeline/sinks/limiter.py",
        "self._count([*(((tenth + 1) / TENTHS, count) for tenth, count in state.calls), (now, state.open_calls)])",
        "self._count([])",
        f"{_LIMITER}test_a_successor_counts_the_calls_of_its_predecessor",
        model=True,
    ),
    Guard(
        "limiter-open-at-take-over",
        "calls under way at a take-over may have been made until then",
        "pipeline/sinks/limiter.py",
        "for tenth, count in state.calls), (now, state.open_calls)])",
        "for tenth, count in state.calls)])",
        f"{_LIMITER}test_calls_under_way_at_a_take_over_may_have_been_made_until_then",
        model=True,
    ),
    Guard(
        "limiter-day",
        "the calls of a day are counted over all owners",
        "pipeline/sinks/limiter.py",
        "            if self.day_calls + calls > day - self._reserve(day, lane):\n",
        "            if False:\n",
        f"{_LIMITER}test_the_day_ends_at_midnight_of_the_organisation",
        model=True,
    ),
    Guard(
        "block",
        "no call before the end of a block",
        "pipeline/sinks/limiter.py",
        "        if now < self.blocked_until:\n            return self.blocked_until - now\n",
        "",
        f"{_LIMITER}test_a_block_holds_until_its_end",
    ),
    Guard(
        "block-holds-armed-calls",
        "a block and a stop hold back calls that are armed already",
        "pipeline/sinks/calls.py",
        " or budget.owner.held_up(check=budget.check):\n",
        ":\n",
        "sinks/test_calls.py::test_calls_armed_before_a_block_was_taken_in_and_handed_over_after_it_are_held_back_too",
        model=True,
    ),
    Guard(
        "pause-holds-armed-calls",
        "a pause holds back what was armed before it, the checks too",
        "pipeline/sinks/owner.py",
        "        return blocked or state.paused or (not check and not state.running)\n",
        "        return blocked or (not check and not state.running)\n",
        "sinks/test_pause.py::test_what_was_armed_before_a_pause_is_held_back_the_checks_too",
    ),
    Guard(
        "budget-of-an-attempt",
        "an attempt makes no more calls than were reserved for it",
        "pipeline/sinks/calls.py",
        "        if budget.left <= 0:\n",
        "        if False:\n",
        "sinks/test_budget.py::test_an_attempt_makes_no_more_calls_than_were_reserved_for_it",
    ),
    Guard(
        "half-open",
        "an app that gives no answer is tried with one call at a time",
        "pipeline/sinks/breaker.py",
        "                return armed == 0\n",
        "                return True\n",
        "sinks/test_breaker.py::test_half_open_it_lets_one_call_through_at_a_time",
    ),
)

MAPPINGS = (
    Guard(
        "mapping-clash",
        "a pair that would give an object a second counterpart is refused",
        "pipeline/sinks/owner.py",
        "            if clash:\n",
        "            if False:\n",
        f"{_OWNER}test_a_clash_with_an_existing_pair_is_refused_and_nothing_is_overwritten",
        model=True,
    ),
    Guard(
        "clash-from-either-side",
        "a clash is looked for from both sides of a pair",
        "pipeline/sinks/mappings.py",
        "        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source)):\n"
        "            found = self.get(scope, one)\n",
        "        for one, other in ((pair.source, pair.destination),):\n            found = self.get(scope, one)\n",
        f"{_MAPPINGS}test_a_second_counterpart_for_either_side_is_a_clash",
        model=True,
    ),
    Guard(
        "own-rows-first",
        "older rows of ours that come back from the topic do not hide newer ones",
        "pipeline/sinks/mappings.py",
        "        for known in (self._ahead, self._overlay):\n",
        "        for known in (self._overlay, self._ahead):\n",
        f"{_MAPPINGS}test_older_rows_of_ours_that_come_back_do_not_overwrite_newer_ones",
    ),
    Guard(
        "undo-of-a-lost-tick",
        "a pair whose transaction failed is not known to those who come after",
        "pipeline/sinks/tick.py",
        "            table.undo(undo)\n",
        "            pass\n",
        "sinks/test_tick.py::test_what_was_said_for_lost_partitions_is_dropped_and_its_pairs_are_taken_back",
    ),
    Guard(
        "released-elsewhere",
        "a mapping that another worker made releases what waits for it",
        "pipeline/sinks/order.py",
        "        for entry in self._parked.pop(key, ()):\n",
        "        for entry in ():\n",
        f"{_OWNER}test_a_mapping_made_elsewhere_releases_a_parked_command",
        model=True,
    ),
)

DEDUPE = (
    Guard(
        "dedupe-events",
        "an event that comes again is decided once",
        "pipeline/agents/batch.py",
        "        if known in window:\n",
        "        if False:\n",
        f"{_DECIDE}test_a_repeated_id_gives_the_decision_duplicate_and_no_command",
        model=True,
    ),
    Guard(
        "dedupe-is-restored",
        "who takes a partition over knows what was decided on it",
        "pipeline/agents/batch.py",
        "            self._dedupe.restore(partition, self._restore(partition))\n",
        "            pass\n",
        f"{_DECIDE}test_an_id_restored_from_the_topic_is_a_repeat",
        model=True,
    ),
    Guard(
        "dedupe-forgets",
        "what a batch saw that was not committed is no repeat when it comes again",
        "pipeline/agents/batch.py",
        "        self._dedupe.forget(partitions)\n",
        "        pass\n",
        f"{_DECIDE}test_what_an_aborted_batch_saw_is_no_repeat_when_it_comes_again",
        model=True,
    ),
    Guard(
        "failed-may-come-again",
        "an event that had no effect may be sent again",
        "pipeline/agents/batch.py",
        "        if had_effect(decided.decision):\n",
        "        if True:\n",
        f"{_DECIDE}test_an_event_without_a_link_can_be_sent_again_once_there_is_one",
        model=True,
    ),
    Guard(
        "replay-has-its-own-ids",
        "an event is decided once for itself and once for each replay",
        "pipeline/agents/dedupe.py",
        r'    return f"{connection}\n{event_id}\n{replay}"',
        r'    return f"{connection}\n{event_id}"',
        "agents/test_dedupe.py::test_the_same_id_of_another_connection_or_replay_is_another_event",
        model=True,
    ),
    Guard(
        "hint",
        "the data of a hint is not trusted: the object is fetched",
        "pipeline/flows/decide.py",
        "    if event.hint:\n",
        "    if False:\n",
        f"{_DECIDE}test_a_hint_becomes_a_fetch_at_its_own_connection",
        model=True,
    ),
    Guard(
        "echo",
        "a write of our own that comes back goes no further",
        "pipeline/flows/decide.py",
        "        if self._event.echo and any(action.scope == self._event.echo for action in rule.actions):\n",
        "        if False:\n",
        "flows/test_echo.py::test_a_write_of_a_links_own_pair_of_connections_goes_no_further_and_all_else_does",
    ),
    Guard(
        "echo-of-writes-only",
        "only what a link writes back can be an echo: a change with an equal version is none",
        "pipeline/flows/wanted.py",
        "Wanted(want.triggers, want.scopes & written[id_])",
        "want",
        "sinks/test_polling.py::test_only_what_a_link_of_the_other_side_writes_can_come_back_as_an_echo",
    ),
    Guard(
        "unchanged",
        "what says what was applied already makes no call",
        "pipeline/apps/zohobooks/actions/contacts.py",
        "        if mapped.hash == digest:\n            version",
        "        if False:\n            version",
        f"{_CONTACTS}test_a_mapped_account_with_the_same_content_needs_no_call",
    ),
)

POLLS = (
    Guard(
        "fetched-while-unsettled",
        "what is fetched while a write is open that may have made it waits until it is known whose it is",
        "pipeline/sinks/owner.py",
        "            if self.unsettled.settled(reading):\n",
        "            if True:\n",
        "sinks/test_unsettled.py::"
        "test_what_is_fetched_before_the_answer_of_the_write_that_made_it_is_known_as_an_echo_after_it",
    ),
    Guard(
        "older-version-of-ours",
        "what was read before a repeat of our write gave it a newer version is ours as well",
        "pipeline/sinks/unsettled.py",
        "            if now is not None and now.ours and now != before:\n",
        "            if False:\n",
        "sinks/test_unsettled.py::"
        "test_what_was_read_in_an_older_version_than_the_repeated_write_gave_it_is_ours_as_well",
    ),
    Guard(
        "polled-while-unsettled",
        "so does what a poll finds, with its cursor",
        "pipeline/sinks/polling.py",
        " or not all(owner.unsettled.settled(reading) for reading in held.readings)",
        "",
        "sinks/test_unsettled.py::test_what_a_poll_finds_meanwhile_waits_with_its_cursor_and_is_not_asked_for_again",
    ),
    Guard(
        "poll-of-old-credentials",
        "what was asked with credentials that were replaced since tells nothing of these",
        "pipeline/sinks/polling.py",
        "            case None | Stopped() if outdated:\n                pass\n",
        "",
        f"{_POLLING}test_what_was_asked_with_credentials_that_were_replaced_since_tells_nothing",
    ),
    Guard(
        "poll-over-its-budget",
        "a step that wants more calls than it may make is not tried again at once",
        "pipeline/sinks/polling.py",
        "                self._due[name] = tick.now + AFTER_A_FAULT\n                log.warning(",
        "                log.warning(",
        f"{_POLLING}test_a_step_that_wants_more_calls_than_it_may_make_does_not_spend_the_quota_on_trying",
    ),
    Guard(
        "events-with-their-cursor",
        "a step whose events or cursor cannot be written gives neither, and stops nothing",
        "pipeline/sinks/polling.py",
        "        except Exception:  # an app's fault",
        "        except ZeroDivisionError:  # an app's fault",
        f"{_POLLING}test_a_step_whose_events_or_cursor_cannot_be_written_gives_neither_and_stops_nothing",
    ),
    Guard(
        "version-not-ours",
        "a version that was found and not written is not taken for ours",
        "pipeline/sinks/echo.py",
        'theirs = before.version if before is not None and before.ours else ""',
        "theirs = done.pair.theirs",
        "sinks/test_versions.py::test_a_version_that_was_found_and_not_written_is_not_taken_for_ours",
    ),
    Guard(
        "polls-in-turn",
        "a poll that always has more to look at does not keep the others from it",
        "pipeline/sinks/polling.py",
        "return min(due, key=self._due_at, default=None)",
        "return next(iter(due), None)",
        f"{_POLLING}test_a_poll_that_always_has_more_to_look_at_does_not_keep_the_others_from_it",
    ),
    Guard(
        "found-too-large",
        "what a poll found and no topic takes is not lost",
        "pipeline/sinks/polling.py",
        "    if len(owner.shared.codec.encode(event)) <= LARGEST:\n",
        "    if True:\n",
        f"{_POLLING}test_what_is_too_large_for_a_topic_becomes_a_hint_of_its_own_and_the_others_go_on",
    ),
)

TOGAI = (
    Guard(
        "payment-looked-up-first",
        "Togai takes no key with a payment: ours is looked for before one is recorded",
        "pipeline/apps/togai/actions/payments.py",
        'found, settled = await _held(session, paid), "lookup"',
        'found, settled = None, "lookup"',
        "apps/togai/test_writing.py::test_our_payment_is_found_among_many_of_the_account",
    ),
    Guard(
        "account-of-ours",
        "an account under our id that does not carry our mark is another's, and is not written",
        "pipeline/apps/togai/actions/accounts.py",
        "        if not carries(found, self.source):\n",
        "        if False:\n",
        "apps/togai/test_parties.py::test_an_id_that_another_has_is_refused_and_nothing_of_it_is_changed",
    ),
    Guard(
        "life-cycle",
        "an invoice is sent nowhere where Togai's life cycle does not lead",
        "pipeline/apps/togai/actions/invoice_status.py",
        "            if self.status not in TRANSITIONS.get(status, ()):\n",
        "            if False:\n",
        "apps/togai/test_writing.py::test_an_invoice_that_was_paid_is_not_made_void_and_the_message_says_what_to_do",
    ),
    Guard(
        "memory-of-a-sweep",
        "what a sweep holds in memory counts only as long as its steps were committed",
        "pipeline/apps/togai/polls/sweep.py",
        "if not isinstance(walk, Walk) or walk.step != step:",
        "if not isinstance(walk, Walk):",
        "apps/togai/test_polls.py::test_what_a_failed_transaction_took_along_is_found_again",
    ),
    Guard(
        "moved-to-the-front",
        "what changes while a sweep is under way moves to the front of the list, which is looked at again",
        "pipeline/apps/togai/polls/sweep.py",
        "            walk.again = True\n",
        "            walk.again = True\n            walk.lists.pop(0)\n            self._compare(look, walk)\n",
        "apps/togai/test_polls.py::test_an_account_that_changes_while_a_sweep_is_under_way_is_not_passed_by",
    ),
    Guard(
        "goes-on-from-its-page",
        "where a command goes on is kept with what it found",
        "pipeline/sinks/owner.py",
        "        entry.command = msgspec.structs.replace(command, input=",
        "        _ = msgspec.structs.replace(command, input=",
        "sinks/test_going_on.py::test_a_successor_goes_on_from_the_page_that_was_kept",
    ),
    Guard(
        "comes-back",
        "an object that comes back to a version is another event",
        "pipeline/sinks/telling.py",
        'last if last[0] == version else (version, f"@{occasion}")',
        '(version, "")',
        "sinks/test_going_on.py::test_an_object_that_comes_back_to_a_version_is_another_event_and_a_repeat_is_none",
    ),
    Guard(
        "newest-state-of-any-kind",
        "of an object whose versions tell no order, a replay puts only the newest state through",
        "pipeline/operations/replay.py",
        "trigger.object if trigger.returns else event.type",
        "event.type",
        "operations/test_replay.py::"
        "test_of_an_object_whose_versions_tell_no_order_only_its_newest_state_of_any_kind_is_put_through",
        kafka=True,
    ),
)

HOOKS = (
    Guard(
        "only-signed-hooks",
        "an app that signs is never spoken for at an address that anybody may have seen",
        "pipeline/gateway/hooks.py",
        " or isinstance(used, SignsHooks):\n",
        ":\n",
        f"{_SIGNED}test_every_wrong_address_is_the_same_answer_and_an_app_that_signs_has_none_without",
        kafka=True,
    ),
    Guard(
        "hook-of-another-organisation",
        "a webhook speaks for the connection's organisation alone",
        "pipeline/apps/zohobooks/hooks.py",
        "    if named:\n",
        "    if False:\n",
        f"{_SIGNED}test_what_is_not_from_zoho_for_this_organisation_is_turned_away_and_nothing_of_it_is_kept",
        kafka=True,
    ),
    Guard(
        "hook-once",
        "the same signed body again is the same event",
        "pipeline/gateway/intake.py",
        "    if delivery is None or not (delivery.named or hook.sourceversion):\n",
        "    if True:\n",
        f"{_SIGNED}test_the_same_signed_body_again_is_the_same_event_and_another_version_is_another",
        kafka=True,
    ),
)

INPUT = (
    Guard(
        "clash-before-the-call",
        "an object that two are mapped to is written for neither",
        "pipeline/sinks/planning.py",
        "        if found is not None and (clash :=",
        "        if False and found is not None and (clash :=",
        f"{_OWNER}test_an_object_that_two_are_mapped_to_is_written_for_neither_of_them",
    ),
    Guard(
        "held-place",
        "behind a record that cannot be read now, nothing of its partition is decided or committed",
        "pipeline/kafka/batch.py",
        "            batch._stay(held)\n        return held",
        "        return {}",
        "kafka/test_batch.py::test_what_is_held_is_not_committed_and_later_batches_leave_its_place_alone",
    ),
    Guard(
        "hold-outlasts-batches",
        "reading goes back only when no batch is out that read beyond the place",
        "pipeline/kafka/batch.py",
        "            if any(place in batch.places for batch in self._open):\n                return False\n",
        "",
        "kafka/test_batch.py::test_a_hold_ends_when_no_batch_is_out_that_read_beyond_it",
    ),
    Guard(
        "letter-fits",
        "a dead letter is never larger than its topic takes, and says what it leaves out",
        "pipeline/schemas/letters.py",
        "> largest and (part",
        "> 100 * largest and (part",
        "schemas/test_letters.py::test_a_value_that_does_not_fit_is_told_by_size_digest_and_place",
    ),
    Guard(
        "steady-clock",
        "a clock that is set makes no room in a window",
        "pipeline/clock.py",
        "most = FOLLOWED * (passed - self._read)",
        "most = 1e12",
        "test_clock.py::test_a_minute_stays_a_minute_when_the_wall_clock_is_set",
    ),
    Guard(
        "day-begins-once",
        "no day begins twice, whatever the clock says",
        "pipeline/sinks/limiter.py",
        "        elif today > self.day:",
        "        elif today != self.day:",
        f"{_LIMITER}test_a_clock_that_goes_back_over_midnight_and_forth_again_gives_no_day_twice",
    ),
    Guard(
        "edge-of-a-day",
        "what was sent about midnight counts for both days",
        "pipeline/sinks/limiter.py",
        "for stamp, count in self._counted() if stamp > midnight - EDGE)",
        "for stamp, count in self._counted() if stamp > midnight + EDGE)",
        f"{_LIMITER}test_what_was_sent_about_midnight_counts_for_both_days",
    ),
    Guard(
        "missed-tombstones",
        "who was away for longer than tombstones are kept reads the mappings anew",
        "pipeline/sinks/restore.py",
        "        if self._away():\n            self._positions = {}\n",
        "",
        "sinks/test_restore.py::test_who_was_away_for_longer_than_tombstones_are_kept_reads_all_of_it_again",
        kafka=True,
    ),
    Guard(
        "registry-away",
        "a record is not passed over because the schema registry fails",
        "pipeline/schemas/registry.py",
        "            if error.http_status_code in final:\n",
        "            if error.http_status_code:\n",
        "schemas/test_registry.py::test_a_registry_that_fails_is_not_the_records_fault_and_is_left_alone_for_a_while",
    ),
    Guard(
        "log-of-runs-waits",
        "the log of runs leaves nothing out because the schema registry cannot be asked",
        "pipeline/operations/views/records.py",
        "        except Retry:\n            raise\n",
        "",
        "operations/views/test_records.py::test_a_record_whose_schema_cannot_be_asked_for_now_is_waited_for",
    ),
)

_MANAGE = "control/test_manage_connections.py::"
_API = "gateway/api/test_guard.py::"

CONTROL = (
    Guard(
        "api-token",
        "no route of the control API answers without the token",
        "pipeline/gateway/api/guard.py",
        'return same and scheme.lower() == "bearer"',
        "return True",
        f"{_API}test_no_route_of_the_description_answers_without_the_token",
        kafka=True,
    ),
    Guard(
        "api-body",
        "no body is read further than the limit",
        "pipeline/gateway/api/guard.py",
        "if taken > MAX_BODY_BYTES:",
        "if taken > 100 * MAX_BODY_BYTES:",
        f"{_API}test_a_body_is_read_no_further_than_the_limit_whether_its_length_is_announced_or_not",
        kafka=True,
    ),
    Guard(
        "api-exposure",
        "the gateway listens beyond this machine only with a token that somebody chose",
        "pipeline/gateway/server.py",
        "    check_exposure(settings)\n",
        "",
        f"{_API}test_the_gateway_listens_beyond_this_machine_only_with_a_token_that_somebody_chose",
    ),
    Guard(
        "changed-meanwhile",
        "what somebody else changed meanwhile is not overwritten",
        "pipeline/control/manage/connections.py",
        "if control.connections.get(new.id) != old:",
        "if False:",
        f"{_MANAGE}test_what_somebody_else_changed_meanwhile_is_not_overwritten",
    ),
    Guard(
        "tried-first",
        "credentials that do not pass the checks leave what was stored",
        "pipeline/control/manage/connections.py",
        "    if tested.good:\n",
        "    if tested:\n",
        f"{_MANAGE}test_the_same_secrets_again_are_not_exchanged_and_wrong_ones_change_nothing",
    ),
    Guard(
        "replaced-address",
        "a webhook address that was replaced is good no longer",
        "pipeline/control/hooks.py",
        "return any(kept) or (derived and not connection.hook)",
        "return any(kept) or derived",
        f"{_MANAGE}test_after_a_rotation_of_addresses_is_finished_no_earlier_token_is_good_and_the_next_one_can_begin",
    ),
)

SHAPES = (
    Guard(
        "credit-period",
        "a credit period that Zoho Books cannot hold is refused before a call",
        "pipeline/apps/zohobooks/documents.py",
        "if not 0 <= party.net_term_days <= LONGEST_TERM:",
        "if False:",
        _REFUSED,
    ),
    Guard(
        "tax-number",
        "a tax number longer than its field is refused before a call",
        "pipeline/apps/zohobooks/documents.py",
        "            _check_length(field, value, takes)\n",
        "            pass\n",
        _REFUSED,
    ),
    Guard(
        "smallest-unit",
        "a payment that comes to nothing in its currency is refused, and no run fails over it",
        "pipeline/apps/zohobooks/actions/payments.py",
        "if not whole or added",
        "if added",
        _REFUSED,
    ),
    Guard(
        "exchange-rate",
        "a document in a foreign currency comes with the rate",
        "pipeline/apps/zohobooks/documents.py",
        'return fields | ({"exchange_rate": found} if found.is_finite() and found > 0 else {})',
        "return fields",
        "apps/zohobooks/test_requests.py::test_a_document_in_a_foreign_currency_comes_with_the_rate_of_the_day",
    ),
    Guard(
        "direction",
        "a flow's type agrees with where it starts",
        "pipeline/flows/compile.py",
        "if self.spec.type != app.direction:",
        "if False:",
        "flows/test_compile.py::test_a_fault_of_meaning_names_its_line_and_column",
    ),
)

GUARDS = (*FENCE, *LEDGER, *ORDER, *LIMITER, *MAPPINGS, *DEDUPE, *POLLS, *HOOKS, *TOGAI, *INPUT, *CONTROL, *SHAPES)
