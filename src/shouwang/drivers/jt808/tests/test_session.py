"""Terminals over a real socket, with a disk the test controls."""

import asyncio
from dataclasses import replace

import pytest

from shouwang.drivers.configured import Setting
from shouwang.drivers.jt808 import options, packet, serve
from shouwang.drivers.jt808.fields import bcd
from shouwang.drivers.jt808.simulate import Terminal, item, location, safety
from shouwang.drivers.jt808.tests.fleet import CODE, OTHER, PHONE, STRANGER, arrive, endpoint, plan, told
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.engines.telemetry.plan import SourcePlan
from shouwang.engines.telemetry.quality import GOOD, NO_DATA, UNCERTAIN
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

# SmallChi/JT808 0x0200 Test5_2 (MIT): the terminal that sent it, and when
CAPTURED = bytes.fromhex("7E0200002611223344556622B8000000010000000200BA7F0E07E4F11C0028003C0000180715101010"
                         "01040000006402020037577E")


def now() -> int:
    return clock.now_ms() // 1000 * 1000


@pytest.mark.parametrize("version", [None, 1])
def test_a_terminal_registers_authenticates_and_reports(version: int | None) -> None:
    async def story() -> None:
        desk, t = Desk(), now()
        async with endpoint(desk) as running:
            terminal = Terminal(PHONE, version)
            await terminal.connect("127.0.0.1", running.port)
            assert await terminal.register() == {"ack_serial": 1, "result": 0, "auth": CODE}
            assert await terminal.authenticate(CODE) == 0
            assert await terminal.result(terminal.send(0x0002)) == 0
            extras = item(1, (1_234).to_bytes(4, "big"))
            body = location(t, lat=31_990_000, lon=118_780_000, speed=603, alarm=0b10, extras=extras)
            assert await terminal.result(terminal.send(0x0200, body)) == 0
            assert set(told(desk)) == {
                ("speed", 603, GOOD), ("lat", 31_990_000, GOOD), ("lon", 118_780_000, GOOD), ("mileage", 1234, GOOD),
                ("alarm_overspeed", 1, GOOD), ("alarm_fatigue", 0, GOOD), ("status_acc", 1, GOOD)}
            assert {at for _, _, at, _, _ in desk.taken} == {t}
            assert running.terminals() == [PHONE]
            terminal.close()
            await until(lambda: desk.events == [("两客一危", "connected"), ("两客一危", "disconnected")])
    run(story)


def test_a_report_is_acknowledged_only_when_it_is_on_disk_and_in_order() -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            first, beat = terminal.send(0x0200, location(now())), terminal.send(0x0002)
            await until(lambda: desk.waiting)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(terminal.next(), 0.2)
            desk.durable()
            assert [(await terminal.next()).body[:2] for _ in "12"] == [n.to_bytes(2, "big") for n in (first, beat)]
    run(story)


def test_a_full_intake_is_asked_again_and_the_socket_is_not_read_meanwhile() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, replace(DEFAULT, undurable=100)) as running:
            terminal = await arrive(running.port)
            desk.full = True
            serials = [terminal.send(0x0200, location(now() + n * 1000, speed=n)) for n in range(5)]
            (session,) = running.hall.sessions
            await until(lambda: session.reading_stopped)
            assert desk.taken == []
            desk.full = False
            assert [await terminal.result(serial) for serial in serials] == [0] * 5
            assert [v for key, v, _ in told(desk) if key == "speed"] == [0, 1, 2, 3, 4]
            assert not session.reading_stopped
    run(story)


def test_who_is_not_listed_or_has_the_wrong_code_brings_nothing_in() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            stranger = Terminal(STRANGER)
            await stranger.connect("127.0.0.1", running.port)
            assert (await stranger.register())["result"] == 4
            assert await stranger.authenticate("anything") == 1
            assert await stranger.result(stranger.send(0x0200, location(now()))) == 1
            stranger.phone = PHONE
            assert await stranger.authenticate("wrong") == 1
            stranger.phone = OTHER
            assert (await stranger.register("SIM0002", "苏A3"))["result"] == 2
            assert (await stranger.register("SIM0009", "苏A2"))["result"] == 4
            assert (await stranger.register("SIM0002", "苏A2"))["auth"] == "code-2"
        assert desk.taken == []
        assert set(desk.reasons()) == {"bad_credentials", "not_authenticated"}
        assert not any("wrong" in excerpt or CODE in excerpt for _, _, excerpt, _ in desk.refused)
    run(story)


def test_where_registration_is_open_any_terminal_reports() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, register="open", terminals={}) as running:
            terminal = Terminal("112233445566")
            await terminal.connect("127.0.0.1", running.port)
            code = (await terminal.register())["auth"]
            assert await terminal.authenticate(code) == 0
            terminal.send_raw(b"(740190311185,1,001,ELOCK,3,529439)" + CAPTURED[:-2] + b"\x00\x7e" + CAPTURED)
            assert await terminal.result(8888) == 0
        assert desk.taken == []  # eight years old, and nobody's point
        assert desk.reasons() == ["bad_frame", "bad_frame", "unknown_device"]
    run(story)


def test_a_batch_is_taken_place_by_place_and_what_cannot_be_read_costs_itself_only() -> None:
    async def story() -> None:
        desk, t = Desk(), now()
        places = [location(t - 9000, speed=1), location(t - 8000)[:20], location(t - 7000, speed=3)]
        body = b"\x00\x03\x01" + b"".join(len(one).to_bytes(2, "big") + one for one in places)
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            assert await terminal.result(terminal.send(0x0704, body)) == 0
        assert [v for key, v, _ in told(desk) if key == "speed"] == [1, 3]
        assert desk.reasons() == ["bad_frame", "unknown_key"]
    run(story)


def test_a_message_in_parts_is_acknowledged_part_by_part_once_all_is_on_disk() -> None:
    async def story() -> None:
        desk, t = Desk(), now()
        places = [location(t - n * 1000, speed=n) for n in range(60)]
        body = b"\x00\x3c\x00" + b"".join(len(one).to_bytes(2, "big") + one for one in places)
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            first = terminal.send(0x0704, body)
            assert [await terminal.result(first + n) for n in range(2)] == [0, 0]
        assert [v for key, v, _ in told(desk) if key == "speed"] == list(range(60))
    run(story)


def test_a_part_of_what_is_not_supported_is_answered_at_once() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            first = terminal.send(0x0801, bytes(3000))
            assert [await terminal.result(first + n) for n in range(3)] == [3, 3, 3]
    run(story)


def test_parts_that_never_become_whole_are_given_up_and_told() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            for n in range(17):
                terminal.send_raw(packet.write(0x0704, PHONE, 100 + 9 * n, b"x", part=(3, 1)))
            terminal.send_raw(packet.write(0x0704, PHONE, 999, b"x", part=(3, 4)))
            assert await terminal.result(terminal.send(0x0002)) == 0
        assert desk.reasons() == ["bad_frame", "bad_frame"]
        assert "1/3" in desk.refused[0][2]
    run(story)


def test_a_drivers_card_is_in_or_out() -> None:
    async def story() -> None:
        desk, t = Desk(), now()
        async with endpoint(desk) as running:
            desk.plan = replace(plan(2), sources=[SourcePlan("两客一危", "gateway", "", {PHONE: {"driver_card": 3}})])
            terminal = await arrive(running.port)
            for n, status in enumerate((b"\x01", b"\x02", b"\x25")):
                body = status + bcd(t + n * 1000) + b"\x01"
                assert await terminal.result(terminal.send(0x0702, body)) == (2 if n == 2 else 0)
        assert [(at - t, v) for _, _, at, v, _ in desk.taken] == [(0, 1), (1000, 0)]
    run(story)


def test_a_moment_of_headway_is_one_and_over_in_the_next_report_a_started_one_lasts_until_its_end() -> None:
    async def story() -> None:
        desk, t = Desk(), now() - 60_000
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            flags = [None, 0, None, 1, None, None, 2, None]
            for n, flag in enumerate(flags):
                at = t + n * 1000
                extras = b"" if flag is None else safety(at, flag=flag, seq=n)
                assert await terminal.result(terminal.send(0x0200, location(at, extras=extras))) == 0
        heard = [(at - t, v) for _, point, at, v, _ in desk.taken if point == 5]
        assert heard == [(1000, 1), (2000, 0), (3000, 1), (6000, 0), (7000, 0)]
    run(story)


def test_without_a_fix_values_are_in_doubt_and_no_place_is_no_data_never_zero() -> None:
    async def story() -> None:
        desk, t = Desk(), now()
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            serial = terminal.send(0x0200, location(t, lat=0, lon=0, speed=0, status=1))
            assert await terminal.result(serial) == 0
        assert {key: q for key, _, q in told(desk) if key in ("speed", "lat", "lon")} == {
            "speed": UNCERTAIN, "lat": NO_DATA, "lon": NO_DATA}
    run(story)


def test_south_and_west_come_by_their_bits_or_as_twos_complement() -> None:
    async def story() -> None:
        desk, t = Desk(), now()
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            for n, lat in enumerate((12_222_222, -12_222_222)):
                place = location(t + n * 1000, lat=lat & 0xFFFFFFFF, status=0b110)
                assert await terminal.result(terminal.send(0x0200, place)) == 0
        assert [v for key, v, _ in told(desk) if key == "lat"] == [-12_222_222] * 2
    run(story)


def test_a_clock_never_set_is_refused_and_said_to_be_wrong() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            place = location(now())
            assert await terminal.result(terminal.send(0x0200, place[:22] + bytes(6))) == 2
            assert await terminal.result(terminal.send(0x0200, place[:21])) == 2
            assert await terminal.result(terminal.send(0x0801, bytes(40))) == 3
        assert desk.taken == []
        assert desk.reasons() == ["bad_time", "bad_frame"]
    run(story)


@pytest.mark.parametrize("version", [None, 1])
def test_a_text_is_sent_to_a_vehicle_and_its_answer_waited_for(version: int | None) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            terminal = await arrive(running.port, version=version)
            sending = asyncio.ensure_future(running.text("0" + PHONE, "前方限速 60,请减速", urgent=True))
            asked = await terminal.next(lambda one: one.id == 0x8300)
            terminal.send(0x0001, asked.serial.to_bytes(2, "big") + b"\x83\x00\x00")
            assert await sending == 0
            assert asked.body[1 if version is None else 2:].decode("gbk") == "前方限速 60,请减速"
            with pytest.raises(BadInput, match="不在线"):
                await running.text(OTHER, "在吗")
            with pytest.raises(TimeoutError):
                await running.text(PHONE, "不答", within=0.05)
    run(story)


def test_a_terminal_that_comes_again_is_answered_by_its_new_connection() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            before = await arrive(running.port)
            after = await arrive(running.port)
            with pytest.raises(ConnectionError):
                await before.next()
            assert await after.result(after.send(0x0002)) == 0
            assert running.terminals() == [PHONE]
    run(story)


def test_who_never_authenticates_and_who_falls_silent_is_let_go() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            terminal, idle = await arrive(running.port), Terminal(OTHER)
            await idle.connect("127.0.0.1", running.port)
            await until(lambda: len(running.hall.sessions) == 2)
            for session in running.hall.sessions:
                session.check_silence(running.hall.loop.time() + 601)
            for one in (terminal, idle):
                with pytest.raises(ConnectionError):
                    await one.next()
        assert sorted(desk.reasons()) == ["keep_alive", "not_authenticated"]
    run(story)


def test_a_plan_without_the_source_fails_the_report_so_that_the_terminal_keeps_it() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            desk.plan = replace(plan(2), sources=[])
            assert await terminal.result(terminal.send(0x0200, location(now()))) == 1
            desk.plan = plan(3)
            assert await terminal.result(terminal.send(0x0200, location(now()))) == 0
        assert desk.reasons()[0] == "unknown_source"
    run(story)


@pytest.mark.parametrize("wrong", [
    {"terminals": {"139": 5}}, {"terminals": {"车一": "x"}}, {"register": "all"}, {"colour": 1},
    {"attachments": {"address": "a", "folder": "here"}}])
def test_a_wrong_option_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput, match=r"drivers\.yaml"):
        options.options(Setting("jt808", "两客一危", options=wrong))


def test_a_terminal_may_write_its_phone_in_hexadecimal() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, terminals={"4F07788EF67D": CODE}) as running:
            await arrive(running.port, "4f07788ef67d")
            assert running.terminals() == ["4f07788ef67d"]
    run(story)


def test_a_damaged_frame_is_told_without_the_code_in_it() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as running:
            terminal = Terminal(PHONE)
            await terminal.connect("127.0.0.1", running.port)
            damaged = bytearray(packet.write(0x0102, PHONE, 1, CODE.encode()))
            damaged[-2] ^= 1
            terminal.send_raw(bytes(damaged))
            assert await terminal.authenticate(CODE) == 0
        assert desk.reasons() == ["bad_frame"]
        assert CODE.encode().hex() not in desk.refused[0][2]
    run(story)


def test_nothing_comes_in_without_options() -> None:
    async def story() -> None:
        desk = Desk()
        desk.plan = plan()
        running = await serve(desk, Setting("jt808", "两客一危"), DEFAULT)
        terminal = Terminal(PHONE)
        await terminal.connect("127.0.0.1", running.port)
        assert (await terminal.register())["result"] == 4
        await running.close()
    run(story)
