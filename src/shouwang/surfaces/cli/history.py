"""`shouwang history`: the niced process that archives the log of readings. No Django here."""

import argparse
import logging
import os
import signal

from shouwang.engines.telemetry import history
from shouwang.engines.telemetry.plan import data_folder

NICE = 5


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang history`."""
    sub.add_argument("--once", action="store_true", help="只归档一轮")


def run(args: argparse.Namespace) -> int:
    """Archive until told to stop."""
    logging.basicConfig(level=os.environ.get("SHOUWANG_LOG", "WARNING"),
                        format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if args.once:
        history.round_once(data_folder())
        return 0
    os.nice(NICE)
    stopped: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda s, _: stopped.append(s))
    history.run(data_folder(), lambda: bool(stopped))
    return 0
