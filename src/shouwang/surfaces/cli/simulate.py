"""`shouwang simulate`: the demo city's gateways, publishing over MQTT until stopped."""

import argparse
import asyncio
import logging
import os
import signal

import uvloop
from django.conf import settings
from django.db import connection

from shouwang.boot import setup
from shouwang.demo import instruments, tokens
from shouwang.demo.simulate import Simulator
from shouwang.engines.subjects.models import Subject
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Grant


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang simulate`."""
    sub.add_argument("--rate", type=float, default=float(os.environ.get("SHOUWANG_DEMO_RATE", "1")),
                     help="异常发生的频度,1 为每分钟约一条黄蓝预警;0 为风平浪静")
    sub.add_argument("--seed", type=int, default=None, help="随机种子(默认每次不同)")


def run(args: argparse.Namespace) -> int:
    """Read the demo points once, then only publish: no database, no Django work while running."""
    setup()
    logging.basicConfig(level=os.environ.get("SHOUWANG_LOG", "WARNING"))
    simulator = _simulator(args)
    connection.close()
    uvloop.run(_serve(simulator))
    return 0


def _simulator(args: argparse.Namespace) -> Simulator:
    what = instruments.load()
    if not len(what):
        raise BadInput("没有样例点位;请先生成样例城市:shouwang seed 370800")
    key = tokens.secret(settings.DATA)
    shown = Grant.objects.filter(account__username="qiye").values_list("subject", flat=True).first()
    first = Subject.objects.filter(sample=True, kind="enterprise").order_by("pk").values_list("pk", flat=True).first()
    return Simulator(what, {name: tokens.token_of(key, name) for name, _, _ in what.gateways}, settings.DATA,
                     shown_firm=shown or first or 0, rate=args.rate, seed=args.seed)


async def _serve(simulator: Simulator) -> None:
    stopping = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    await simulator.run(stopping)
