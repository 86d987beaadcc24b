"""`shouwang ingest`: the process that takes readings, judges them and keeps them. No Django here."""

import argparse
import asyncio
import logging
import os
from pathlib import Path

import uvloop

from shouwang.drivers import configured, scan
from shouwang.drivers.http.submit import submitter
from shouwang.drivers.mqtt import subscribe
from shouwang.drivers.mqtt.serve import serve, server_context
from shouwang.engines.rules import kernel
from shouwang.engines.telemetry import process
from shouwang.engines.telemetry.machine import no_plan
from shouwang.engines.telemetry.seam import Closable, Intake


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang ingest`."""
    sub.add_argument("--host", default=os.environ.get("SHOUWANG_MQTT_HOST", "127.0.0.1"))
    sub.add_argument("--port", type=int, default=int(os.environ.get("SHOUWANG_MQTT_PORT", "1883")))
    sub.add_argument("--broker", default=os.environ.get("SHOUWANG_MQTT_BROKER", ""), help="另外订阅的外部 MQTT 代理")
    sub.add_argument("--certificate", default=os.environ.get("SHOUWANG_MQTT_CERTIFICATE", ""), help="TLS 证书(PEM)")
    sub.add_argument("--key", default=os.environ.get("SHOUWANG_MQTT_KEY", ""), help="TLS 私钥(PEM)")
    sub.add_argument("--compile", action="store_true", help="只编译研判与解码的内核(首次约一分钟,结果存盘),然后退出")


class Following:
    """The subscription to an external broker as a driver that can be closed."""

    def __init__(self, task: "asyncio.Task[None]") -> None:
        self.task = task

    async def close(self) -> None:
        """Unsubscribe."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    logging.basicConfig(level=os.environ.get("SHOUWANG_LOG", "WARNING"),
                        format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if args.compile:
        kernel.warm()
        scan.Scanner(no_plan(), 0, 0).take([])
        return 0
    data = Path(os.environ.get("SHOUWANG_DATA", "var")).resolve()
    tls = server_context(args.certificate, args.key) if args.certificate else None

    async def endpoint(intake: Intake) -> Closable:
        return await serve(intake, args.host, args.port, tls=tls)

    async def broker(intake: Intake) -> Closable:
        return Following(await subscribe.follow(intake, args.broker))

    drivers: dict[str, process.Opener] = {"mqtt": endpoint}
    if args.broker:
        drivers["broker"] = broker
    for n, setting in enumerate(configured.read(data), 1):
        drivers[f"{n}:{setting.driver}:{setting.source}"] = configured.opener(setting)
    uvloop.run(process.run(data, kernel.Kernel(), drivers, submitter))
    return 0
