"""Slots: so many at once, in order, whatever the limit does and whoever gives up."""

from __future__ import annotations

import asyncio

from pipeline.sinks.slots import Slots


class Users:
    """Each holds a slot until it is told to let go."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.slots = Slots(lambda: self.limit)
        self.holding: list[int] = []
        self._let_go: dict[int, asyncio.Event] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def come(self, *numbers: int) -> None:
        for number in numbers:
            self._let_go[number] = asyncio.Event()
            self.tasks[number] = asyncio.create_task(self._use(number))
        await settled()

    async def leave(self, *numbers: int) -> None:
        for number in numbers:
            self._let_go[number].set()
        await settled()

    async def give_up(self, *numbers: int) -> None:
        for number in numbers:
            self.tasks[number].cancel()
        await settled()

    async def _use(self, number: int) -> None:
        async with self.slots:
            self.holding.append(number)
            try:
                await self._let_go[number].wait()
            finally:
                self.holding.remove(number)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_hold_one_and_the_others_follow_in_order() -> None:
    users = Users(2)
    await users.come(1, 2, 3, 4)
    assert users.holding == [1, 2]
    await users.leave(2)
    assert users.holding == [1, 3]
    await users.leave(1, 3, 4)
    await users.slots.idle()


async def test_a_lower_limit_counts_as_holders_leave_and_a_higher_one_lets_several_in() -> None:
    users = Users(2)
    await users.come(1, 2, 3, 4, 5)
    users.limit = 1
    await users.leave(1)
    assert users.holding == [2]
    users.limit = 3
    await users.leave(2)
    assert users.holding == [3, 4, 5]
    await users.leave(3, 4, 5)


async def test_who_gives_up_waiting_or_holding_takes_no_slot_along() -> None:
    users = Users(1)
    await users.come(1, 2, 3)
    await users.give_up(2)
    await users.give_up(1)
    assert users.holding == [3]
    await users.leave(3)
    await users.slots.idle()


async def test_a_slot_handed_to_one_who_gives_up_in_that_moment_goes_on_to_the_next() -> None:
    slots = Slots(lambda: 1)

    async def use() -> None:
        async with slots:
            pass

    async with slots:
        first, second = asyncio.create_task(use()), asyncio.create_task(use())
        await settled()
    first.cancel()
    async with asyncio.timeout(10):
        await second
        await slots.idle()
