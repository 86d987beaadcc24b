"""A task that overhears being cancelled is cancelled again."""

import asyncio

from shouwang.drivers.end import end
from shouwang.drivers.tests.desk import run


def test_a_swallowed_cancellation_is_repeated() -> None:
    async def told() -> None:
        overheard = 0

        async def deaf() -> None:
            nonlocal overheard
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    overheard += 1
                    if overheard == 2:
                        raise

        task = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        await end(task)
        assert task.cancelled()
        await end(task)  # ended already
    run(told)
