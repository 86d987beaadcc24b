"""`shouwang ingest`: the process that takes readings, judges them and keeps them. No Django here."""

import argparse
import logging
import os
from pathlib import Path

import uvloop

from shouwang.drivers.http.submit import submitter
from shouwang.drivers.mqtt.serve import serve
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.telemetry import process
from shouwang.engines.telemetry.seam import Closable, Intake


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang ingest`."""
    sub.add_argument("--host", default=os.environ.get("SHOUWANG_MQTT_HOST", "127.0.0.1"))
    sub.add_argument("--port", type=int, default=int(os.environ.get("SHOUWANG_MQTT_PORT", "1883")))


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    logging.basicConfig(level=os.environ.get("SHOUWANG_LOG", "WARNING"),
                        format="%(asctime)s %(levelname)s %(name)s %(message)s")
    data = Path(os.environ.get("SHOUWANG_DATA", "var")).resolve()

    async def endpoint(intake: Intake) -> Closable:
        return await serve(intake, args.host, args.port)

    uvloop.run(process.run(data, Kernel(), {"mqtt": endpoint}, submitter))
    return 0
