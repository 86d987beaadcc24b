"""Ending a task for certain."""

import asyncio
from typing import Any

AGAIN = 0.1  # seconds


async def end(task: "asyncio.Task[Any]") -> None:
    """Cancel a task until it has ended: `wait_for` before Python 3.12 may swallow one cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN)
