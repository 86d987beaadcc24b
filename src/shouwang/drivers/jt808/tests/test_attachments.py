"""Files of an active-safety alarm: asked for, brought over a second connection, checked, on disk."""

import asyncio
import json
import secrets
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers.jt808 import messages, packet
from shouwang.drivers.jt808.decode import decode
from shouwang.drivers.jt808.packet import Frame
from shouwang.drivers.jt808.serve import Endpoint
from shouwang.drivers.jt808.simulate import Terminal, bring, drive, listing, location, safety
from shouwang.drivers.jt808.tests.fleet import PHONE, arrive, endpoint
from shouwang.drivers.jt808.upload import LARGEST, Upload
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.kernel import clock

PROOF = {"64_03_0.jpg": secrets.token_bytes(150_000), "~}.txt": b"~}" * 99, "empty.bin": b""}


def places(folder: Path) -> dict[str, Any]:
    """The options that open the attachment port."""
    return {"attachments": {"address": "127.0.0.1", "folder": str(folder)}}


async def asked(running: Endpoint, files: int) -> Frame:
    """A terminal reports a headway alarm with files; what it is asked."""
    terminal = await arrive(running.port)
    t = clock.now_ms()
    terminal.send(0x0200, location(t, extras=safety(t, files=files)))
    return await terminal.next(lambda one: one.id == 0x9208)


async def visit(frame: Frame) -> tuple[Terminal, bytes, str]:
    """An attachment connection, with the identity and number of the alarm."""
    told, at = messages.send_attachments(frame.body), 1 + frame.body[0] + 4
    carrier = Terminal(frame.phone)
    await carrier.connect(told["host"], told["tcp_port"])
    return carrier, frame.body[at:at + 16], told["alarm_number"]


def test_the_files_of_an_alarm_are_on_disk_when_they_are_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, **places(tmp_path)) as running:
            frame = await asked(running, len(PROOF))
            await bring(frame, PROOF)
            (home,) = (tmp_path / PHONE).iterdir()
            kept = {one.read_bytes() for one in home.iterdir() if one.suffix != ".json"}
            assert kept == set(PROOF.values())
            assert json.loads((home / "alarm.json").read_text("utf-8"))["key"] == "adas_headway"
            assert not [one for one in home.iterdir() if one.name.endswith(".part")]
        assert "attachment" not in desk.reasons()
    run(story)


def test_what_is_missing_is_asked_for_again_also_on_another_connection(tmp_path: Path) -> None:
    async def story() -> None:
        desk, content = Desk(), secrets.token_bytes(9000)
        async with endpoint(desk, **places(tmp_path)) as running:
            frame = await asked(running, 1)
            first, ident, number = await visit(frame)
            body = listing(ident, number, {"a.mp4": content})
            assert await first.result(first.send(0x1210, body)) == 0
            first.send_raw(packet.write_piece("a.mp4", 0, content[:3000]))
            done = b"\x05a.mp4\x02" + len(content).to_bytes(4, "big")
            first.send(0x1212, done)
            assert (await first.reply(0x9212))["again"] == [{"offset": 3000, "length": 6000}]
            first.close()
            second, _, _ = await visit(frame)
            assert await second.result(second.send(0x1210, body)) == 0
            second.send_raw(packet.write_piece("a.mp4", 6000, content[6000:]))
            second.send_raw(packet.write_piece("a.mp4", 2000, content[2000:6500]))
            second.send(0x1212, done)
            assert await second.reply(0x9212) == {"name": "a.mp4", "type": 2, "result": 0, "again": []}
        assert [one.read_bytes() for one in tmp_path.rglob("a.mp4")] == [content]
    run(story)


def test_who_was_not_asked_brings_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, **places(tmp_path)) as running:
            frame = await asked(running, 1)
            guess, ident, number = await visit(frame)
            wrong = listing(ident, "0" * 32, {"a.jpg": b"1"})
            assert await guess.result(guess.send(0x1210, wrong)) == 1
            with pytest.raises(ConnectionError):
                await guess.next()
            other, _, _ = await visit(frame)
            other.phone = "13900000000"
            assert await other.result(other.send(0x1210, listing(ident, number, {"a.jpg": b"1"}))) == 1
            early, _, _ = await visit(frame)
            early.send_raw(packet.write_piece("a.jpg", 0, b"1"))
            with pytest.raises(ConnectionError):
                await early.next()
        assert [one for one in tmp_path.rglob("*") if one.is_file()] == []
        assert desk.reasons().count("attachment") == 3
    run(story)


def test_a_name_leads_nowhere_else_and_sizes_have_an_end(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, **places(tmp_path / "in")) as running:
            frame = await asked(running, 2)
            carrier, ident, number = await visit(frame)
            evil = {"../../../out.txt": b"1", "..": b"2"}
            assert await carrier.result(carrier.send(0x1210, listing(ident, number, evil))) == 0
            await bring_on(carrier, evil)
            body = ident[:7] + ident + number.encode() + b"\x00\x01\x01a" + (LARGEST + 1).to_bytes(4, "big")
            assert await carrier.result(carrier.send(0x1210, body)) == 1
            carrier.send_raw(packet.write_piece("..", 5, b"beyond"))
            await until(lambda: desk.reasons().count("attachment") == 2)
        assert [one for one in tmp_path.rglob("*") if one.is_file() and PHONE not in one.parts] == []
        assert len(list(tmp_path.rglob("*-*"))) == 2
    run(story)


async def bring_on(carrier: Terminal, files: dict[str, bytes]) -> None:
    """Files on a connection that has listed them."""
    for name, content in files.items():
        carrier.send_raw(packet.write_piece(name, 0, content))
        carrier.send(0x1212, bytes([len(name)]) + name.encode() + b"\x03" + len(content).to_bytes(4, "big"))
        assert (await carrier.reply(0x9212))["result"] == 0


def test_the_same_alarm_is_asked_for_once(tmp_path: Path) -> None:
    async def story() -> None:
        desk, t = Desk(), clock.now_ms()
        extras = safety(t, files=1)
        async with endpoint(desk, **places(tmp_path)) as running:
            terminal = await arrive(running.port)
            for n in range(3):
                assert await terminal.result(terminal.send(0x0200, location(t + n, extras=extras))) == 0
            assert await terminal.result(terminal.send(0x0002)) == 0
            assert [one.id for one in terminal.heard].count(0x9208) == 1
    run(story)


def test_a_folder_that_cannot_be_written_is_told_and_nothing_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, **places(tmp_path / "files")) as running:
            frame = await asked(running, 1)
            (tmp_path / "files").rmdir()
            (tmp_path / "files").write_text("no folder")
            carrier, ident, number = await visit(frame)
            carrier.send(0x1210, listing(ident, number, {"a.jpg": b"1"}))
            with pytest.raises(ConnectionError):
                await carrier.next()
        assert desk.reasons()[-1] == "attachment"
    run(story)


def test_a_file_of_a_name_nobody_announced_is_missing() -> None:
    name = "2024-11-22_10_00_00_data.txt"
    listed = packet.write(0x1210, "1001", 1, listing(b"1234cd." + bytes(9), "2024", {name: b"helloword123"}))
    item = {"kind": "session", "steps": [listed.hex(), packet.write_piece("other.txt", 0, b"helloword123").hex()]}
    assert decode(item) == {"file_name": name, "missing": [{"offset": 0, "length": 12}],
                            "unknown_names": ["other.txt"]}


def test_pieces_in_any_order_twice_or_overlapping_make_the_file() -> None:
    upload = Upload()
    upload.announce("a", 10)
    for at, content in ((4, b"4567"), (8, b"89"), (4, b"4567"), (0, b"012345")):
        upload.take(packet.Piece("a", at, content))
    assert upload.told() == {"file_name": "a", "file_bytes_ascii": "0123456789"}
    assert upload.files["a"].have == [(0, 10)]


def test_the_simulator_drives_reports_and_brings_a_file(tmp_path: Path) -> None:
    async def story() -> None:
        desk, proof = Desk(), tmp_path / "proof.jpg"
        proof.write_bytes(b"proof")
        async with endpoint(desk, **places(tmp_path / "files")) as running:
            await drive(Namespace(host="127.0.0.1", port=running.port, phone=PHONE, code=None, version=2019, count=3,
                                  every=0.0, headway=True, file=proof))
        assert [one.read_bytes() for one in (tmp_path / "files").rglob("proof.jpg")] == [b"proof"]
        assert {at for _, _, at, _, _ in desk.taken}
    run(story)


def test_asking_does_not_wait_for_the_files(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with endpoint(desk, **places(tmp_path)) as running:
            frame = await asked(running, 1)
            assert frame.id == 0x9208
            await asyncio.wait_for(bring(frame, {"a.jpg": b"1"}), 10)
    run(story)
