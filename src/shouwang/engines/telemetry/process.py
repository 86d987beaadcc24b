"""The ingest process: recovery, tick, control socket and drivers over one folder, until a signal. No Django here."""

import asyncio
import fcntl
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import msgspec

from shouwang.kernel import clock
from shouwang.kernel.errors import ShouwangError

from . import control, health
from .intake import Ingest
from .journal import replace_durably
from .seam import Closable, Intake, Judge

log = logging.getLogger(__name__)
Opener = Callable[[Intake], Awaitable[Closable]]
Submitter = Callable[[Intake], Callable[[str, str, bytes], Awaitable[msgspec.Struct]]]


async def run(data: Path, judge: Judge, drivers: Mapping[str, Opener], submitter: Submitter | None = None,
              stopping: asyncio.Event | None = None) -> None:
    """Serve until SIGTERM or SIGINT (or `stopping`). `run/ingest.json` tells others name → port of every driver."""
    (data / "run").mkdir(parents=True, exist_ok=True)
    stop = stopping or asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    with lock(data):
        ingest = Ingest(data, judge)
        await ingest.start()
        settle()
        server = await control.serve(control.path_of(data), answers(ingest, submitter))
        opened: dict[str, Closable] = {}
        try:
            for name, opener in drivers.items():
                opened[name] = await opener(ingest)
            announce(data, opened)
            await stop.wait()
        finally:
            for driver in opened.values():
                await driver.close()
            server.close()
            await ingest.stop()
            (data / "run" / "ingest.json").unlink(missing_ok=True)


def settle() -> None:
    """The plan stays for long: the collector of garbage need not walk it again and again between two messages."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def lock(data: Path) -> TextIO:
    """Hold the data folder: a second ingest process over the same folder is refused."""
    held = (data / "run" / "ingest.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise ShouwangError(f"{data} 已有一个接入进程在用;同一数据目录只能运行一个") from None
    return held


def announce(data: Path, opened: Mapping[str, Closable]) -> None:
    """Tell where the drivers listen."""
    ports = {name: driver.port for name, driver in opened.items() if hasattr(driver, "port")}
    facts = {"pid": os.getpid(), "since": clock.now_ms(), **ports}
    replace_durably(data / "run" / "ingest.json", msgspec.json.encode(facts))


def answers(ingest: Ingest, submitter: Submitter | None) -> dict[str, Any]:
    """What the control socket can be asked."""

    async def flush() -> None:
        done = asyncio.Event()
        ingest.after_tick(done.set)
        await done.wait()

    asked: dict[str, Any] = {"latest": lambda ids: health.latest(ingest, ids), "health": lambda: health.health(ingest),
                             "flush": flush, "ping": lambda: "pong"}
    if submitter is not None:
        asked["submit"] = submitter(ingest)
    return asked
