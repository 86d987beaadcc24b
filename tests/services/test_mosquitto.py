"""A real Mosquitto as external broker: nothing is acknowledged to it before it is durable here."""

import asyncio
import os
import shutil
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from shouwang.drivers.mqtt.subscribe import follow
from shouwang.drivers.tests.desk import Desk, free_port, plan, run, until

pytestmark = pytest.mark.service
BROKER = ("127.0.0.1", 1883)
SOURCE = "甲厂网关"


def reachable(address: tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(address, 2):
        return True
    return False


@pytest.fixture(autouse=True)
def _mosquitto() -> None:
    if reachable(BROKER) and shutil.which("mosquitto_pub"):
        return
    missing = "127.0.0.1:1883 上没有 Mosquitto,或没有 mosquitto_pub;请安装并启动 mosquitto 与 mosquitto-clients"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


async def publish(topic: str, payload: str, port: int = BROKER[1], qos: int = 1) -> None:
    """mosquitto_pub, to the broker."""
    process = await asyncio.create_subprocess_exec(
        "mosquitto_pub", "-h", BROKER[0], "-p", str(port), "-t", topic, "-m", payload, "-q", str(qos))
    assert await process.wait() == 0


def url(prefix: str, port: int = BROKER[1], source: str = SOURCE) -> str:
    """Where to follow: everything below `prefix`, by a client id of its own."""
    return f"mqtt://127.0.0.1:{port}/?topic={quote(prefix)}/%23&source={quote(source)}&client={prefix}"


async def forget(prefix: str, port: int = BROKER[1]) -> None:
    """A clean connection by the same client id: the broker drops what it kept for us."""
    await (await asyncio.create_subprocess_exec(
        "mosquitto_pub", "-h", BROKER[0], "-p", str(port), "-i", prefix, "-t", prefix, "-n")).wait()


@asynccontextmanager
async def following(desk: Desk, address: str) -> AsyncIterator[None]:
    """A subscription in force, from its first connection on."""
    before = desk.events.count((SOURCE, "connected"))
    task = await follow(desk, address)
    try:
        await until(lambda: desk.events.count((SOURCE, "connected")) > before)
        await asyncio.sleep(0.2)  # the SUBSCRIBE follows the CONNACK; paho tells nobody when it is answered
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_messages_of_a_broker_become_readings() -> None:
    async def story() -> None:
        desk, site = Desk(), f"t{uuid.uuid4().hex}"
        async with following(desk, url(site)):
            await publish(f"{site}/v1/gateway/telemetry", '{"Tank A":[{"values":{"level":50.5}}]}')
            await publish(f"{site}/Tank B", '{"level":7}', qos=0)
            await publish(f"{site}/Tank A/telemetry", '{"pressure":{"value":101,"unit":"kPa"}}')
            await until(lambda: len(desk.taken) == 3)
            await publish(f"{site}/Tank B", '{"level":')
            await publish(f"{site}/too/deep/by/far", "{}")
            await until(lambda: len(desk.refused) == 2)
        assert desk.values == [(0, 5050), (3, 700), (1, 1010)]
        assert desk.reasons() == ["malformed", "unknown_topic"]
        await forget(site)
    run(story)


def test_what_was_not_durable_comes_again_and_what_was_does_not() -> None:
    async def story() -> None:
        desk, site = Desk(instant=False), f"t{uuid.uuid4().hex}"
        async with following(desk, url(site)):
            await publish(f"{site}/Tank A", '{"level":1}')
            await until(lambda: desk.values == [(0, 100)])
        desk.waiting.clear()  # the process died before the disk had it
        desk.taken.clear()
        async with following(desk, url(site)):
            await until(lambda: desk.values == [(0, 100)])
            desk.durable()
            await asyncio.sleep(0.3)  # the acknowledgement travels to the broker
        desk.taken.clear()
        async with following(desk, url(site)):
            await publish(f"{site}/Tank A", '{"level":2}')
            await until(lambda: desk.taken)
            assert desk.values == [(0, 200)]
        await forget(site)
    run(story)


def test_what_came_while_we_were_away_is_waiting_at_the_broker() -> None:
    async def story() -> None:
        desk, site = Desk(), f"t{uuid.uuid4().hex}"
        async with following(desk, url(site)):
            pass
        for level in range(5):
            await publish(f"{site}/Tank A", f'{{"level":{level}}}')
        async with following(desk, url(site)):
            await until(lambda: [v for _, v in desk.values] == [0, 100, 200, 300, 400])
        await forget(site)
    run(story)


def test_a_full_intake_holds_messages_back_in_order() -> None:
    async def story() -> None:
        desk, site = Desk(), f"t{uuid.uuid4().hex}"
        async with following(desk, url(site)):
            desk.full = True
            for level in range(5):
                await publish(f"{site}/Tank A", f'{{"level":{level}}}')
            await asyncio.sleep(0.3)
            assert not desk.taken
            desk.full = False
            await until(lambda: [v for _, v in desk.values] == [0, 100, 200, 300, 400])
        await forget(site)
    run(story)


def test_a_source_not_yet_registered_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        desk, site = Desk(), f"t{uuid.uuid4().hex}"
        desk.plan = plan(without=SOURCE)
        task = await follow(desk, url(site))
        await until(lambda: "还没有登记" in caplog.text)
        assert not desk.events
        desk.plan = plan(2)
        await until(lambda: (SOURCE, "connected") in desk.events)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await forget(site)
    run(story)


def test_it_finds_the_broker_again_after_the_broker_was_gone(tmp_path: Path) -> None:
    broker = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    port = free_port()
    conf = tmp_path / "mosquitto.conf"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")

    async def start() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(broker, "-c", str(conf), stderr=asyncio.subprocess.DEVNULL)
        await until(lambda: reachable(("127.0.0.1", port)))
        return process

    async def story() -> None:
        desk, site = Desk(), f"t{uuid.uuid4().hex}"
        process = await start()
        async with following(desk, url(site, port)):
            await publish(f"{site}/Tank A", '{"level":1}', port)
            await until(lambda: desk.values == [(0, 100)])
            process.kill()
            await process.wait()
            await until(lambda: (SOURCE, "disconnected") in desk.events)
            process = await start()
            await until(lambda: desk.events.count((SOURCE, "connected")) == 2, 20)
            await asyncio.sleep(0.2)
            await publish(f"{site}/Tank A", '{"level":2}', port)
            await until(lambda: desk.values == [(0, 100), (0, 200)])
        process.terminate()
        await process.wait()
    run(story)
