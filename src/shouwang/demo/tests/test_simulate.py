"""The simulator: plausible values, scripted excursions, and real MQTT against the real ingest process."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shouwang.demo import gateway, instruments, simulate, tokens
from shouwang.demo.city import Seeded
from shouwang.demo.gateway import Gateway
from shouwang.demo.instruments import Instruments
from shouwang.demo.readings import Excursion, Motion
from shouwang.demo.script import Script
from shouwang.demo.simulate import Simulator
from shouwang.engines.rules import plan

pytestmark = pytest.mark.django_db
T0 = 1_800_000_000.0


@pytest.fixture
def what(small: Seeded) -> Instruments:
    return instruments.load()


def sim(what: Instruments, data: Path, rate: float = 1.0) -> Simulator:
    key = tokens.secret(data)
    return Simulator(
        what,
        {n: tokens.token_of(key, n) for n, _, _ in what.gateways},
        data,
        shown_firm=int(what.firm[0]),
        rate=rate,
        seed=7,
    )


def test_calm_values_stay_within_every_limit_for_a_day(what: Instruments) -> None:
    motion = Motion(what, 3)
    for n in range(0, 86400, 300):
        v = motion.step(0, len(what), T0 + n, 300.0) / 10.0**what.digits
        for k, beyond in ((1, v <= what.limits[:, 1]), (2, v >= what.limits[:, 2])):
            assert not (np.isfinite(what.limits[:, k]) & beyond).any()
        assert ((v >= what.low) & (v <= what.high)).all()


def test_an_excursion_goes_there_stays_and_comes_back(what: Instruments) -> None:
    n = what.quantity.index("level")
    motion = Motion(what, 3)
    motion.excursions[n] = Excursion(n, T0 + 10, 94.0, 20.0, 60.0, 30.0)
    seen = [int(motion.step(n, n + 1, T0 + t, 5.0)[0]) / 100 for t in range(0, 160, 5)]
    assert max(seen[:2]) < 85
    assert min(seen[7:17]) == pytest.approx(94.0, abs=0.01)
    assert max(seen[-5:]) < 85
    assert n not in motion.excursions


@pytest.mark.parametrize(("level", "tiers"), [("minor", {1, 2}), ("orange", {0, 2}), ("red", {3})])
def test_the_script_aims_between_the_right_limits(what: Instruments, level: str, tiers: set[int]) -> None:
    script = Script(what, 5)
    for _ in range(60):
        e = script.draw(level, T0, set())
        assert e is not None
        ll, low, high, hh = what.limits[e.point]
        if what.quantity[e.point] == "methane":
            assert e.target >= 0.5
            continue
        reached = (
            3 if e.target >= hh else 2 if e.target >= high else 0 if e.target <= ll else 1 if e.target <= low else None
        )
        assert reached in tiers
        assert what.low[e.point] <= e.target <= what.high[e.point] * 1.2
    assert script.draw("minor", T0, set(range(len(what)))) is None


def test_arrivals_come_at_the_promised_pace(what: Instruments) -> None:
    found = [level for _, level in Script(what, 5).arrivals(T0, 36000.0, 1.0)]
    assert found.count("minor") == pytest.approx(600, rel=0.15)
    assert found.count("orange") == pytest.approx(120, rel=0.3)
    assert found.count("red") == pytest.approx(40, rel=0.5)
    assert list(Script(what, 5).arrivals(T0, 36000.0, 0.0)) == []


def test_messages_hold_every_point_of_the_gateway_once(what: Instruments, data: Path) -> None:
    simulator = sim(what, data)
    _, first, last = what.gateways[0]
    simulator.silent[first] = T0 + 100
    body = json.loads(simulator.message(0, T0))
    found = {(d, k) for d, rows in body.items() for k in rows[0]["values"]}
    assert found == {(what.device[n], what.key[n]) for n in range(first + 1, last)}
    assert {rows[0]["ts"] for rows in body.values()} == {int(T0 * 1000)}


def test_the_shown_enterprise_goes_red(what: Instruments, data: Path) -> None:
    simulator = sim(what, data)
    simulator.show(T0)
    (n, e), = simulator.motion.excursions.items()
    assert (what.quantity[n], int(what.firm[n])) == ("level", simulator.shown_firm)
    assert e.target > what.limits[n, 3]


@pytest.mark.parametrize("length", [0, 127, 128, 16383, 16384, 2097151])
def test_packet_lengths(length: int) -> None:
    made = gateway.packet(0x30, b"x" * length)
    digits, value, shift = 0, 0, 0
    for byte in made[1:5]:
        digits, value, shift = digits + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            break
    assert (value, len(made)) == (length, 1 + digits + length)


@pytest.fixture
def ingest(what: Instruments, data: Path) -> Iterator[Path]:
    """The real ingest process over this city's plan, on a free port."""
    plan.compile_plan()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    child = subprocess.Popen([sys.executable, "-m", "shouwang", "ingest", "--port", str(port)],
                             env={**os.environ, "SHOUWANG_DATA": str(data)})
    try:
        until = time.monotonic() + 60
        while simulate.port_of(data) is None and time.monotonic() < until:
            assert child.poll() is None
            time.sleep(0.1)
        yield data
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)


def test_every_gateway_publishes_and_is_acknowledged(what: Instruments, ingest: Path) -> None:
    async def go() -> None:
        stopping = asyncio.Event()
        running = asyncio.create_task(simulator.run(stopping))
        until = time.monotonic() + 40
        while not all(g.acknowledged for g in simulator.gateways) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        stopping.set()
        await running

    simulator = sim(what, ingest)
    asyncio.run(go())
    assert all(g.acknowledged for g in simulator.gateways)
    assert all(g.dropped == 0 for g in simulator.gateways)


def test_what_was_not_acknowledged_is_sent_again(what: Instruments, ingest: Path) -> None:
    name = what.gateways[0][0]
    one = Gateway(name, tokens.token_of(tokens.secret(ingest), name))
    simulator = sim(what, ingest)
    for n in range(3):
        one.publish(simulator.message(0, T0 + n))  # not connected yet

    async def go() -> None:
        port = simulate.port_of(ingest)
        assert port is not None
        link = asyncio.create_task(one.serve("127.0.0.1", port))
        until = time.monotonic() + 20
        while one.acknowledged < 3 and time.monotonic() < until:
            await asyncio.sleep(0.05)
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)

    asyncio.run(go())
    assert (one.acknowledged, one.connected) == (3, False)


def test_a_wrong_token_is_refused(what: Instruments, ingest: Path) -> None:
    port = simulate.port_of(ingest)
    assert port is not None
    with pytest.raises(gateway.Refused):
        asyncio.run(Gateway("gw", "wrong").serve("127.0.0.1", port))


def test_old_messages_are_dropped_when_nobody_listens() -> None:
    one = Gateway("gw", "token")
    for n in range(gateway.MOST_WAITING + 5):
        one.publish(str(n).encode())
    assert (one.sent, one.dropped) == (gateway.MOST_WAITING + 5, 5)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"mqtt": "x"}', '{"mqtt": 1883}'])
def test_port_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "ingest.json").write_text(content)
    assert simulate.port_of(tmp_path) == (1883 if "1883" in content else None)
