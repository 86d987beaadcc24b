"""Devices over real sockets, the test playing the disk."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies

from shouwang.drivers.configured import Setting
from shouwang.drivers.hj212 import commands, readings, serve
from shouwang.drivers.hj212.packet import Segment, frame, read
from shouwang.drivers.hj212.simulate import Collector, report
from shouwang.drivers.hj212.tests.frames import MN, said, vectors
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

KEYS = ["a21026-Rtd", "a21002-Rtd", "w01018-Avg", "w01018-Avg@2061", "SB1-RS", "e01001-Rtd", "e01001-Rtd#2"]
AT = datetime(2016, 8, 1, 8, 58, 57, tzinfo=clock.LOCAL)
T = int(AT.timestamp()) * 1000


def plan(mn: str = MN) -> Plan:
    """One device with every key of KEYS, one decimal."""
    points = np.zeros(len(KEYS), POINT)
    points["id"], points["digits"] = np.arange(len(KEYS)) + 1, 1
    source = SourcePlan("污染源在线", "gateway", "", {mn: {key: n for n, key in enumerate(KEYS)}})
    return Plan(1, points, [PointUnits("", {})] * len(KEYS), [source])


@asynccontextmanager
async def platform(desk: Desk, **options: Any) -> AsyncIterator[Collector]:
    """A collector connected to a running driver, on the day of the standard's examples."""
    desk.plan = plan()
    with clock.at(AT):
        door = await serve(desk, Setting("hj212", "污染源在线", options=options), DEFAULT)
        collector = await Collector.connect("127.0.0.1", door.port)
        try:
            yield collector
        finally:
            collector.close()
            await door.close()


def taken(desk: Desk) -> dict[str, tuple[int, int, str]]:
    """key → (ms, scaled value, quality word) of what was offered."""
    return {KEYS[point]: (t, v, quality.word(q)) for _, point, t, v, q in desk.taken}


def test_data_is_answered_by_9014_with_its_qn_only_after_the_disk() -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with platform(desk) as collector:
            collector.send(said("DataTime=20160801085857;a21026-Rtd=1.15,a21026-Flag=N;a21002-Rtd=2,a21002-Flag=D"))
            await until(lambda: desk.taken)
            with pytest.raises(TimeoutError):
                await collector.answer(0.1)
            desk.durable()
            told = await collector.answer()
            assert told is not None
            assert told.head == {"QN": "20160801085857223", "ST": "91", "CN": "9014", "PW": "123456", "MN": MN,
                                 "Flag": "4"}
            assert taken(desk) == {"a21026-Rtd": (T, 12, "good"), "a21002-Rtd": (T, 20, "fault")}
            assert desk.events == [("污染源在线", "connected")]
        await until(lambda: len(desk.events) == 2)
    run(story)


def test_answers_come_in_order_and_only_where_wanted() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            for n, flag in enumerate(["Flag=5;", "Flag=4;", "", "Flag=9;", "Flag=1;"]):
                collector.send(said(f"DataTime=2016080108585{n};a21026-Rtd=1", flag=flag, qn=f"2016080108585722{n}"))
            told = [await collector.answer() for _ in range(3)]
            heads = [one.head for one in told if one]
            assert [(head["QN"][-1], head["Flag"]) for head in heads] == [("0", "4"), ("3", "8"), ("4", "0")]
            assert len(desk.taken) == 5
    run(story)


@pytest.mark.parametrize(("flag", "word"), [
    ("N", "good"), ("C", "calibration"), ("D", "fault"), ("T", "over_range"), ("B", "fault"), ("F", "no_data"),
    ("M", "calibration"), ("S", "uncertain"), ("n", "good"), ("?", "uncertain"), ("3", "good")])
def test_the_mark_gives_the_quality_wherever_it_stands(flag: str, word: str) -> None:
    for join in ",;":
        segment = read(f"CN=2011;MN=M;CP=&&DataTime=20160801085857;a-Rtd=5{join}a-Flag={flag}&&".encode())
        ((row,), refused) = readings.rows(segment)
        assert refused == []
        assert row.values == {"a-Rtd": "5" if word == "good" else {"value": "5", "quality": word}}


def test_empty_is_no_data_and_never_nought() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            collector.send(said("DataTime=20160801085857;a21026-Rtd=,a21026-Flag=D"))
            await collector.answer()
            assert taken(desk) == {"a21026-Rtd": (T, 0, "no_data")}
    run(story)


def test_hours_and_days_are_other_quantities_than_minutes_and_doubled_names_are_kept_apart() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            collector.send(said("DataTime=20160801084000;w01018-Avg=40.1", cn="2051"))
            collector.send(said("DataTime=20160801080000;w01018-Avg=41.1", cn="2061"))
            collector.send(said("DataTime=20160801085857;e01001-Rtd=1.1;e01001-Rtd=2.2", st="52"))
            for _ in range(3):
                await collector.answer()
            assert {key: v for key, (_, v, _) in taken(desk).items()} == {
                "w01018-Avg": 401, "w01018-Avg@2061": 411, "e01001-Rtd": 11, "e01001-Rtd#2": 22}
    run(story)


def test_a_wrong_crc_is_refused_or_counted_as_agreed_with_the_device() -> None:
    wrong = said("DataTime=20160801085857;a21026-Rtd=1").replace(b"Rtd=1", b"Rtd=7")

    async def story(options: dict[str, Any], values: int, reason: str) -> None:
        desk = Desk()
        async with platform(desk, **options) as collector:
            collector.send(wrong + said("DataTime=20160801085858;a21026-Rtd=2", qn="20160801085858000"))
            answers = [await collector.answer() for _ in range(values)]
            assert [one.head["QN"] for one in answers if one][-1] == "20160801085858000"
            assert len(desk.taken) == values
            assert desk.reasons() == [reason]
            assert "123456" not in desk.refused[0][2]
            assert ("污染源在线", f"crc {MN}") in desk.events

    run(lambda: story({}, 1, "checksum"))
    run(lambda: story({"crc": "count", "devices": {MN: {"crc": "strict"}}}, 1, "checksum"))
    run(lambda: story({"devices": {MN: {"crc": "count"}}}, 2, "checksum_counted"))


def test_a_wrong_password_is_refused_unanswered_and_guessing_ends_the_connection() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk, devices={MN: {"password": 123456}}) as collector:
            for n in range(DEFAULT.failures + 1):
                collector.send(said("DataTime=20160801085857;a21026-Rtd=1", pw=f"99{n}"))
            assert await collector.answer() is None
            assert desk.taken == []
            assert desk.reasons() == ["bad_credentials"] * DEFAULT.failures + ["login_limited"]
        async with platform(desk, devices={MN: {"password": 123456}}) as collector:
            collector.send(said("DataTime=20160801085857;a21026-Rtd=1"))
            assert await collector.answer()
            assert len(desk.taken) == 1
    run(story)


def test_a_password_garbled_on_the_way_is_a_wrong_crc_and_no_guess() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk, devices={MN: {"password": 123456}}) as collector:
            good = said("DataTime=20160801085857;a21026-Rtd=1")
            collector.send(good.replace(b"PW=123456", b"PW=173456") * 20 + good)
            assert await collector.answer()
            assert desk.reasons() == ["checksum"] * 20
            assert len(desk.taken) == 1
    run(story)


def test_unknown_devices_names_and_bad_times_are_counted_and_the_rest_is_taken() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            collector.send(b"GET / HTTP/1.1\r\n" + said("DataTime=20160801085857;a21026-Rtd=1", mn="GUEST"))
            collector.send(said("DataTime=20160801085857;a21026-Rtd=1;a99999-Rtd=1"))
            collector.send(said("DataTime=20161301085857;a21026-Rtd=1") + said("a21026-Rtd=1", qn=""))
            for _ in range(4):
                await collector.answer()
            assert desk.reasons() == ["bad_frame", "unknown_device", "unknown_key", "bad_time", "bad_time"]
            assert taken(desk) == {"a21026-Rtd": (T, 10, "good")}
    run(story)


def test_sub_packages_share_the_time_of_the_first_one() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            collector.send(said("w01018-Avg=1", cn="2051", flag="Flag=7;PNUM=2;PNO=2;"))
            collector.send(said("DataTime=20160801084000;a21026-Rtd=1", cn="2051", flag="Flag=7;PNUM=2;PNO=1;"))
            collector.send(said("w01018-Avg=2", cn="2051", flag="Flag=7;PNUM=2;PNO=2;"))
            for _ in range(3):
                await collector.answer()
            assert desk.reasons() == ["bad_time"]
            assert taken(desk)["w01018-Avg"] == (T - 18 * 60_000 - 57_000, 20, "good")
    run(story)


def test_a_full_intake_is_asked_again_and_nothing_is_lost() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            desk.full = True
            for n in range(50):
                collector.send(said(f"DataTime=201608010858{n:02d};a21026-Rtd={n}", qn=f"201608010858{n:02d}000"))
            with pytest.raises(TimeoutError):
                await collector.answer(0.2)
            desk.full = False
            told = [await collector.answer() for _ in range(50)]
            assert [one.head["QN"][12:14] for one in told if one] == [f"{n:02d}" for n in range(50)]
            assert [v for _, v in desk.values] == [10 * n for n in range(50)]
    run(story)


def test_a_device_that_asks_for_the_time_gets_it_and_is_asked_again_until_it_answers(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "OVERTIME", 0.02)

    async def story() -> None:
        desk = Desk()
        async with platform(desk, set_time=True) as collector:
            collector.send(said("PolId=w01018", cn="1013"))
            notice, first, again = [await collector.answer() for _ in range(3)]
            assert notice
            assert notice.head["CN"] == "9013"
            assert first == again
            assert isinstance(first, Segment)
            assert first.head["CN"] == "1012"
            assert first.cp == [[("SystemTime", "20160801085857")]]
            qn = first.head["QN"]
            collector.send(said("QnRtn=1", cn="9011", flag="Flag=4;", qn=qn, st="91"))
            collector.send(said("ExeRtn=1", cn="9012", flag="Flag=4;", qn=qn, st="91"))
            await until(lambda: ("污染源在线", "command_done") in desk.events)
    run(story)


def test_every_public_upload_is_taken_up_to_its_registered_names() -> None:
    every = vectors()

    async def story() -> None:
        desk = Desk()
        async with platform(desk, crc="count") as collector:
            for one in every:
                collector.send(one["text"].encode())
            collector.send(said("DataTime=20160801085900;a21026-Rtd=99"))
            await until(lambda: ("污染源在线", 0, T + 3000, 990, quality.GOOD) in desk.taken)
            assert taken(desk)["e01001-Rtd#2"][1] == 22
            assert taken(desk)["w01018-Avg"][1] == 401
            assert "internal" not in desk.reasons()
    run(story)


def test_the_simulator_delivers_to_the_driver_whole() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            told = await collector.deliver(report(MN, AT, ["a21026", "a21002"]))
            assert told
            assert set(taken(desk)) == {"a21026-Rtd", "a21002-Rtd"}
    run(story)


def test_a_source_that_is_not_registered_is_told_and_the_device_keeps_its_data() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            desk.plan = Plan(2, desk.plan.points, desk.plan.units, [])
            collector.send(said("DataTime=20160801085857;a21026-Rtd=1"))
            await until(lambda: desk.refused)
            assert desk.reasons() == ["unknown_source"]
            desk.plan = plan()
            collector.send(said("DataTime=20160801085857;a21026-Rtd=1"))
            assert await collector.answer()
    run(story)


def test_options_that_are_not_understood_are_named() -> None:
    async def story() -> None:
        for options in ({"crc": "sometimes"}, {"device": {}}, {"devices": {MN: {"pw": "1"}}}):
            with pytest.raises(BadInput, match="options"):
                await serve(Desk(), Setting("hj212", "污染源在线", options=options), DEFAULT)
    asyncio.run(story())


def test_bytes_of_a_stranger_leave_the_driver_standing() -> None:
    async def story() -> None:
        desk = Desk()
        async with platform(desk) as collector:
            for raw in (b"\x00" * 5000, b"##0000\r\n##0010MN=;CP=&&0000\r\n", frame("MN=" + "x" * 900),
                        frame("MN=\x00;CN=2011;CP=&&&&")):
                collector.send(raw + b"\r\n")
            collector.send(said("DataTime=20160801085857;a21026-Rtd=1"))
            assert await collector.answer()
            assert "internal" not in desk.reasons()
    run(story)


PIECES = ["DataTime", "20160801085857", "00010101000000", "99991231235959", "a-Rtd", "a-Flag", "a-SampleTime", "-", "=",
          ",", ";", "N", "nan", "1e999", "é", "&&", "CP=&&", "MN=", "CN=2011", "PNO=1", "Flag=7", "Flag=²"]


@given(strategies.lists(strategies.sampled_from(PIECES) | strategies.text(max_size=5)).map("".join))
def test_any_segment_is_read_into_rows_or_refusals(text: str) -> None:
    segment = read(text.encode("utf-8", "surrogatepass"))
    found, refused = readings.rows(segment)
    assert segment.flag >= 0
    assert all(isinstance(row.t, int) for row in found)
    assert {reason for reason, _ in refused} <= {"bad_time"}


def test_noise_between_good_frames_never_stops_a_connection() -> None:
    noise = random.Random(212)
    good = said("DataTime=20160801085857;a21026-Rtd=1")

    async def story() -> None:
        desk = Desk()
        async with platform(desk, crc="count") as collector:
            for _ in range(300):
                mutated = bytearray(good)
                for _ in range(noise.randrange(1, 6)):
                    mutated[noise.randrange(len(mutated))] = noise.randrange(256)
                collector.send(bytes(mutated[:noise.randrange(len(mutated) + 1)]) + b"\r\n")
            collector.send(said("DataTime=20160801085900;a21026-Rtd=99"))
            await until(lambda: ("污染源在线", 0, T + 3000, 990, quality.GOOD) in desk.taken)
            assert "internal" not in desk.reasons()
    run(story)
