"""Frames from a stream: cut anywhere, beside garbage, damaged; and bodies of any bytes."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.jt808 import messages, packet, readings
from shouwang.drivers.jt808.decode import decode
from shouwang.drivers.jt808.packet import Bad, Frame, Piece, Splitter
from shouwang.drivers.rows import Malformed

# SmallChi/JT808 0x0200 Test5_2 and go-jt808 0x0002: captured frames, MIT
LOCATION = bytes.fromhex("7E0200002611223344556622B8000000010000000200BA7F0E07E4F11C0028003C0000180715101010"
                         "01040000006402020037577E")
HEARTBEAT = bytes.fromhex("7E0002000001234567890100008A7E")
# SmallChi/JT808 0x0200 Test5_4: the 2019 flag over a header of 2013
MENDED = bytes.fromhex("7E0200406C010030000681090E00000000000C0003026C936F074C794C0004036300D72106251557390104000000"
                       "00052801CC00210625155739054145BBC91E4145A2FA1141450000004145BBC8194145A1370A4145000000240200"
                       "002A0200002B04000000003001153101125F0A89860418231870850620757E")
PIECE = packet.write_piece("a~.jpg", 4, b"\x7e\x30\x31\x63\x64\x7e" * 9)


def frames(found: list[packet.Found]) -> list[packet.Found]:
    return [one for one in found if not isinstance(one, Bad)]


def test_cut_at_every_byte_a_stream_holds_the_same_frames_garbage_and_pieces() -> None:
    stream = b"$$" + LOCATION + b"(740190311185,1,001)" + HEARTBEAT + PIECE + LOCATION[:20] + HEARTBEAT + PIECE
    whole = Splitter(pieces=True).feed(stream)
    assert [type(one) for one in frames(whole)] == [Frame, Frame, Piece, Frame, Piece]
    for cut in range(len(stream)):
        splitter = Splitter(pieces=True)
        assert splitter.feed(stream[:cut]) + splitter.feed(stream[cut:]) == whole, cut
    splitter = Splitter(pieces=True)
    assert [one for i in range(len(stream)) for one in splitter.feed(stream[i:i + 1])] == whole


def test_one_flag_may_end_a_frame_and_open_the_next() -> None:
    assert len(frames(Splitter().feed(LOCATION[:-1] + HEARTBEAT))) == 2


def test_a_frame_that_lost_its_end_does_not_swallow_the_next() -> None:
    found = Splitter().feed(LOCATION[:-9] + HEARTBEAT)
    assert [type(one) for one in found] == [Bad, Frame]


@pytest.mark.parametrize("at", range(1, len(LOCATION) - 1))
def test_a_flipped_bit_costs_that_frame_only(at: int) -> None:
    damaged = LOCATION[:at] + bytes([LOCATION[at] ^ 1]) + LOCATION[at + 1:]
    found = Splitter().feed(damaged + HEARTBEAT)
    assert Frame not in [type(one) for one in found[:-1]]
    assert isinstance(found[-1], Frame)
    assert found[-1].id == 2


def test_a_header_of_2013_under_the_flag_of_2019_is_mended() -> None:
    (frame,) = Splitter().feed(MENDED)
    assert isinstance(frame, Frame)
    assert (frame.phone, frame.version) == ("010030000681", None)
    assert messages.READERS[frame.id](frame.body, frame.version)["lat"] == 40_670_063


def test_what_is_written_is_read() -> None:
    long = bytes(range(256)) * 9
    wire = b"".join(packet.write_all(0x0801, "13912344323", 7, long, version=1))
    found = frames(Splitter().feed(wire))
    assert [(f.serial, f.total, f.number) for f in found if isinstance(f, Frame)] == [(7, 3, 1), (8, 3, 2), (9, 3, 3)]
    assert b"".join(f.body for f in found if isinstance(f, Frame)) == long
    assert {f.terminal for f in found if isinstance(f, Frame)} == {"13912344323"}


def test_garbage_without_end_is_told_and_forgotten() -> None:
    splitter = Splitter()
    told = [one for _ in range(64) for one in splitter.feed(b"x" * 1000)] + splitter.feed(HEARTBEAT)
    assert sum(one.size for one in told if isinstance(one, Bad)) == 64_000
    assert isinstance(told[-1], Frame)
    assert len(splitter._buffer) == 1


damage = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8)


@given(st.lists(st.binary(max_size=60), max_size=12), st.booleans())
def test_after_any_bytes_a_good_frame_is_found(garbage: list[bytes], pieces: bool) -> None:
    splitter = Splitter(pieces)
    for chunk in garbage:
        splitter.feed(chunk.replace(packet.MARK, b""))
    found = splitter.feed(b"\0\0\0" + packet.FLAG + HEARTBEAT)  # zeros: no beginning of a piece of a file
    assert isinstance(found[-1], Frame)
    assert found[-1].id == 2


@given(damage, st.sampled_from([LOCATION, MENDED, HEARTBEAT + LOCATION]))
def test_damaged_frames_are_decoded_or_malformed_and_hide_no_other(damage: list[tuple[int, int]], wire: bytes) -> None:
    damaged = bytearray(wire)
    for at, byte in damage:
        damaged[at % len(damaged)] = byte
    with contextlib.suppress(Malformed):
        decode({"kind": "frame", "hex": damaged.hex()})
    found = Splitter().feed(bytes(damaged) + packet.FLAG + HEARTBEAT)
    assert isinstance(found[-1], Frame)
    assert found[-1].id == 2


@given(st.sampled_from(sorted(messages.READERS)), st.binary(max_size=200), st.booleans())
def test_any_body_is_decoded_or_told_to_be_short(id: int, raw: bytes, late: bool) -> None:
    item: dict[str, Any] = {"kind": f"body:0x{id:04x}", "hex": raw.hex(), "version": 2019 if late else 2013}
    assert set(decode(item)) <= {"body", "decode_error"}


@given(st.binary(max_size=28), st.lists(st.tuples(st.sampled_from([0x01, 0x2B, 0x64, 0x65, 0x66, 0x67, 0x70, 0x14]),
                                                  st.binary(max_size=90)), max_size=4))
def test_any_location_becomes_readings_or_is_refused(head: bytes, extras: list[tuple[int, bytes]]) -> None:
    raw = head.ljust(28, b"\x11") + b"".join(bytes([one, len(content)]) + content for one, content in extras)
    told = readings.of(messages.position(raw))
    assert told.t is None or "speed" in told.values


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(), st.text(max_size=9))))
def test_any_item_is_decoded_or_malformed(item: dict[str, Any]) -> None:
    with contextlib.suppress(Malformed):
        decode(item)
