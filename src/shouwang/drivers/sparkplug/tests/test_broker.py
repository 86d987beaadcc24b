"""The host application and a simulated edge node over a real Mosquitto."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shouwang.drivers.configured import Setting
from shouwang.drivers.limits import DEFAULT, Limits
from shouwang.drivers.sparkplug import Following, serve
from shouwang.drivers.sparkplug.simulate import EdgeNode
from shouwang.drivers.tests.desk import Desk, free_port, run, until
from shouwang.engines.telemetry import wal
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.plan import SourcePlan
from shouwang.engines.telemetry.quality import GOOD, NO_DATA
from shouwang.engines.telemetry.tests import cast

pytestmark = pytest.mark.service
BROKER = ("127.0.0.1", 1883)
SOURCE = "甲厂网关"


@pytest.fixture(autouse=True)
def _mosquitto() -> None:
    with suppress(OSError), socket.create_connection(BROKER, 2):
        return
    missing = "127.0.0.1:1883 上没有 MQTT 代理;请安装并启动 mosquitto"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def desk_of(group: str, **options: Any) -> Desk:
    """A desk whose source has level and pressure of group/N/T101, and level of group/N itself."""
    desk = Desk(**options)
    old = desk.plan.sources[0]
    desk.plan.sources[0] = SourcePlan(old.name, old.kind, old.token_hash, {
        f"{group}/N/T101": {"level": 0, "pressure": 1}, f"{group}/N": {"level": 3}})
    return desk


@asynccontextmanager
async def following(desk: Desk, group: str, limits: Limits = DEFAULT, **options: Any) -> AsyncIterator[Following]:
    """The host application, connected."""
    before = desk.events.count((SOURCE, "connected"))
    setting = Setting("sparkplug", SOURCE, *BROKER, options={"groups": [group], "ask_again": 0.3, **options})
    running = await serve(desk, setting, limits)
    try:
        await until(lambda: desk.events.count((SOURCE, "connected")) > before)
        await asyncio.sleep(0.2)  # the SUBSCRIBE follows the CONNACK
        yield running
    finally:
        await running.close()


@asynccontextmanager
async def edge(group: str, bd_seq: int = 0) -> AsyncIterator[EdgeNode]:
    """A running edge node."""
    node = EdgeNode(group, "N", "T101", ["level", "pressure"], bd_seq)
    node.values |= {"level": 50.5, "pressure": 0.1013}
    await asyncio.to_thread(node.start, *BROKER)
    try:
        yield node
    finally:
        await asyncio.to_thread(node.stop, True)


def group_name() -> str:
    return f"g{uuid.uuid4().hex[:10]}"


def said(desk: Desk) -> list[tuple[int, int, int]]:
    """(point, scaled value, quality) as taken."""
    return [(point, v, q) for _, point, _, v, q in desk.taken]


def test_births_define_aliases_and_data_by_alias_become_readings() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with following(desk, group), edge(group) as node:
            await until(lambda: desk.values[:2] == [(0, 5050), (1, 1013)])
            node.say(level=51.25)
            node.say(pressure=None)
            await until(lambda: said(desk)[2:] == [(0, 5125, GOOD), (1, 0, NO_DATA)])
        assert desk.reasons() == ["empty"]
    run(story)


def test_a_gap_brings_a_rebirth_and_no_value_by_alias_before_it() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with following(desk, group), edge(group) as node:
            await until(lambda: len(desk.taken) == 2)
            node.values["level"] = 52.0
            node.lose()
            node.say(level=52.5)
            await until(lambda: node.births == 2)
            await until(lambda: said(desk)[2:] == [(0, 5250, GOOD), (1, 1013, GOOD)])
            node.say(level=53.0)
            await until(lambda: desk.values[4:] == [(0, 5300)])
            assert desk.reasons() == ["seq_gap", "unknown_alias"]
    run(story)


def test_a_node_that_was_there_before_us_is_asked_for_its_births() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with edge(group) as node:
            await until(lambda: node.births == 1)
            async with following(desk, group):
                await until(lambda: node.births == 2 and desk.values[-2:] == [(0, 5050), (1, 1013)])
    run(story)


def test_a_death_leaves_every_point_of_the_node_without_data_until_it_is_born_again() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with following(desk, group):
            async with edge(group) as node:
                await until(lambda: len(desk.taken) == 2)
                await asyncio.to_thread(node.stop)  # the socket breaks: the broker publishes the will
                await until(lambda: said(desk)[2:] == [(0, 0, NO_DATA), (1, 0, NO_DATA), (3, 0, NO_DATA)])
            async with edge(group, bd_seq=1):
                await until(lambda: desk.values[5:] == [(0, 5050), (1, 1013)])
            times = [t for _, point, t, _, _ in desk.taken if point == 0]
            assert times == sorted(set(times)), "每个点位的时刻应递增,否则接入会当作迟到丢弃"
            assert desk.reasons() == []
    run(story)


def test_a_dead_device_takes_only_its_own_points_along() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with following(desk, group), edge(group) as node:
            await until(lambda: len(desk.taken) == 2)
            node.device_dies()
            await until(lambda: said(desk)[2:] == [(0, 0, NO_DATA), (1, 0, NO_DATA)])
    run(story)


def test_a_node_that_does_not_answer_has_no_data() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with following(desk, group, answer_within=0.3):
            await until(lambda: said(desk) == [(0, 0, NO_DATA), (1, 0, NO_DATA), (3, 0, NO_DATA)])
    run(story)


def test_a_broker_that_is_not_there_leaves_no_data_once() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        setting = Setting("sparkplug", SOURCE, "127.0.0.1", free_port(), {"answer_within": 0.2})
        running = await serve(desk, setting, DEFAULT)
        await until(lambda: len(desk.taken) == 3)
        running.host._unanswered()
        await running.close()
        assert said(desk) == [(0, 0, NO_DATA), (1, 0, NO_DATA), (3, 0, NO_DATA)]
        assert desk.events == []
    run(story)


def test_over_the_real_intake_values_and_the_death_after_them_reach_the_log(tmp_path: Path) -> None:
    async def story() -> None:
        group, plan = group_name(), cast.make_plan(1)
        plan.sources[0] = SourcePlan(SOURCE, "gateway", "", {f"{group}/N/T101": {"level": 0, "pressure": 1}})
        cast.publish(tmp_path, plan)
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)

        def logged(point: int) -> list[tuple[int, int]]:
            return [(v, q) for s in wal.segments(tmp_path / "wal") for r in (wal.records(s) or (0, []))[1]
                    for p, v, q in zip(r.point.tolist(), r.v.tolist(), r.q.tolist(), strict=True) if p == point]

        setting = Setting("sparkplug", SOURCE, *BROKER, options={"groups": [group], "ask_again": 0.3})
        running = await serve(ingest, setting, DEFAULT)
        async with edge(group) as node:
            await until(lambda: logged(0) and logged(0)[-1] == (505, GOOD))
            for n in range(1, 6):
                node.say(level=float(n))
            await until(lambda: [v for v, _ in logged(0)][-5:] == [10, 20, 30, 40, 50])
            await asyncio.to_thread(node.stop)
            await until(lambda: logged(0)[-1] == (0, NO_DATA) and logged(1)[-1] == (0, NO_DATA))
        async with edge(group, bd_seq=1):
            await until(lambda: logged(0)[-1] == (505, GOOD))
        await running.close()
        await ingest.stop()
    run(story)


def test_a_full_intake_holds_messages_back_in_order() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with following(desk, group) as running, edge(group) as node:
            await until(lambda: len(desk.taken) == 2)
            desk.full = True
            for level in range(5):
                node.say(level=float(level))
            await until(lambda: len(running.host.waiting) == 5)
            desk.full = False
            await until(lambda: [v for _, v in desk.values[2:]] == [0, 100, 200, 300, 400])
            await until(lambda: running.host.undurable == 0)
    run(story)


def test_what_is_too_much_is_dropped_counted_and_made_good_by_a_rebirth() -> None:
    async def story() -> None:
        group = group_name()
        desk = desk_of(group)
        async with following(desk, group, Limits(undurable=400)), edge(group) as node:
            await until(lambda: len(desk.taken) == 2)
            desk.full = True
            for level in range(40):
                node.say(level=float(level))
            await until(lambda: "overload" in desk.reasons())
            desk.full = False
            await until(lambda: (0, 300) in desk.values)
            node.say(level=77.0)
            await until(lambda: desk.values[-2:] == [(0, 7700), (1, 1013)])
            assert "seq_gap" in desk.reasons()
    run(story)


def test_an_announced_host_says_when_it_comes_and_goes() -> None:
    async def story() -> None:
        group, desk = group_name(), Desk()
        states: list[bytes] = []
        watcher = paho.Client(CallbackAPIVersion.VERSION2)
        watcher.on_message = lambda _c, _u, message: states.append(message.payload)
        watcher.on_connect = lambda client, *_: client.subscribe(f"spBv1.0/STATE/{group}", 1)
        watcher.connect(*BROKER)
        watcher.loop_start()
        async with following(desk, group, host_id=group):
            await until(lambda: states and b'"online":true' in states[-1])
        await until(lambda: b'"online":false' in states[-1])
        watcher.publish(f"spBv1.0/STATE/{group}", b"", 1, True).wait_for_publish(5)
        watcher.disconnect()
        await asyncio.to_thread(watcher.loop_stop)
    run(story)
