"""Whatever terminals send, the endpoint lives, says what it refused, and answers the next good frame."""

import random
from pathlib import Path

from shouwang.drivers.jt808 import messages, packet
from shouwang.drivers.jt808.simulate import Terminal, item, location
from shouwang.drivers.jt808.tests.fleet import PHONE, arrive, endpoint
from shouwang.drivers.jt808.tests.test_attachments import asked, listing, places, visit
from shouwang.drivers.tests.desk import Desk, run
from shouwang.kernel import clock

HARMLESS = sorted(set(messages.READERS) - {0x0001, 0x0100, 0x0102})


def test_bodies_of_any_bytes_are_answered_and_nothing_breaks() -> None:
    async def story() -> None:
        desk, chance = Desk(), random.Random(808)
        async with endpoint(desk) as running:
            terminal = await arrive(running.port)
            for n in range(600):
                body = chance.randbytes(chance.randrange(90))
                if n % 3 == 0:
                    extras = b"".join(item(chance.choice((1, 2, 0x14, 0x2B, 0x64, 0x65, 0x66, 0x67, 0x70, 0xEB)),
                                           chance.randbytes(chance.choice((4, 41, 47, 50, 65, 71)))) for _ in "12")
                    body = location(clock.now_ms(), extras=extras)[:chance.choice((27, 40, 999))]
                terminal.send(chance.choice(HARMLESS), body)
                if n % 5 == 0:
                    terminal.send_raw(chance.randbytes(40) + packet.FLAG)
            assert await terminal.result(terminal.send(0x0002)) == 0
        assert "internal" not in desk.reasons()
        assert {"bad_frame", "bad_time", "unknown_key"} <= set(desk.reasons())
    run(story)


def test_a_stranger_who_sends_any_bytes_brings_nothing_in() -> None:
    async def story() -> None:
        desk, chance = Desk(), random.Random(2019)
        async with endpoint(desk) as running:
            stranger = Terminal(PHONE)
            await stranger.connect("127.0.0.1", running.port)
            for n in range(300):
                version = chance.choice((None, 1))
                stranger.send_raw(packet.write(chance.choice([0x0100, 0x0102, 0x0200, 0x0704]), PHONE, n,
                                               chance.randbytes(chance.randrange(120)), version))
            assert await stranger.result(stranger.send(0x0200, location(clock.now_ms()))) == 1
        assert desk.taken == []
        assert "internal" not in desk.reasons()
    run(story)


def test_an_attachment_connection_survives_any_bytes(tmp_path: Path) -> None:
    async def story() -> None:
        desk, chance = Desk(), random.Random(1210)
        async with endpoint(desk, **places(tmp_path)) as running:
            carrier, ident, number = await visit(await asked(running, 1))
            body = listing(ident, number, {"a.jpg": bytes(100)})
            assert await carrier.result(carrier.send(0x1210, body)) == 0
            for n in range(300):
                kind = n % 3
                if kind == 0:
                    carrier.send(chance.choice((0x1211, 0x1212)), chance.randbytes(chance.randrange(30)))
                elif kind == 1:
                    name = chance.choice(("a.jpg", "b.jpg", "../a"))
                    carrier.send_raw(packet.write_piece(name, chance.randrange(200), chance.randbytes(20)))
                else:
                    carrier.send_raw(chance.randbytes(30).replace(packet.MARK[:1], b"") + packet.FLAG)
            assert await carrier.result(carrier.send(0x1210, body)) == 0
        assert "internal" not in desk.reasons()
        assert [one for one in tmp_path.rglob("*") if one.is_file() and number not in one.parts] == []
    run(story)
