"""The codec alone: the vectors, splitting at every byte, garbage and broken packets before good ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.gb26875 import objects
from shouwang.drivers.gb26875.decode import decode
from shouwang.drivers.gb26875.packet import Bad, Frame, Frames
from shouwang.drivers.gb26875.tests.frames import packet, vectors
from shouwang.drivers.rows import Malformed

PART = "0201010300d90006000200a3c1c7f8a3b1b2e3dfc8b2b8d7dfc0c8000000000000000000000000000000301213010814"
GOOD = packet(PART)
BROKEN = [
    GOOD[:10], GOOD[:40], GOOD[:24] + b"\x00\x04" + GOOD[26:], GOOD[:24] + b"\xff\xff" + GOOD[26:],
    GOOD[:24] + b"\x10\x00" + GOOD[26:], GOOD[:-1] + b"\x13", GOOD[:-3] + b"\x00##", b"@", b"@@@", b"@@##", b"##",
    b"\x40\x41" + GOOD[2:], bytes(range(256)), GOOD[2:],
]


def whole(*chunks: bytes) -> list[Frame | Bad]:
    frames = Frames()
    return [one for chunk in chunks for one in frames.feed(chunk)] + frames.rest()


def test_every_public_vector_is_read_as_stated() -> None:
    wrong = {v["id"]: decode(v) for v in vectors() if decode(v) != v["decode"]}
    assert not wrong


def test_every_public_packet_comes_out_of_the_stream_split_or_joined() -> None:
    every = [v for v in vectors() if v["kind"] == "frame"]
    joined = bytes.fromhex("".join(v["hex"] for v in every))
    found = whole(joined)
    good = [v["decode"] for v in every if v["decode"]["checksum_ok"] and v["decode"]["tail_ok"]]
    assert [f.app.hex() for f in found if isinstance(f, Frame)] == [v["app"] for v in good]
    assert sum(isinstance(f, Bad) for f in found) == len(every) - len(good)
    assert whole(*[joined[i:i + 1] for i in range(len(joined))]) == found


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_packet_does_not_swallow_the_good_one_after_it(broken: bytes) -> None:
    raw = broken + GOOD
    found = whole(raw)
    assert isinstance(found[-1], Frame)
    assert found[-1].app.hex() == PART
    assert len(found) == 2
    for at in range(len(raw)):
        assert whole(raw[:at], raw[at:]) == found
    assert whole(*[raw[i:i + 1] for i in range(len(raw))]) == found


def test_a_wrong_sum_is_told_at_once_and_once() -> None:
    frames = Frames()
    wrong = GOOD[:-3] + b"\x00##"
    assert frames.feed(b"@@" + wrong) == [Bad(wrong, checksum=True)]
    assert frames.feed(b"@@") == []
    assert [type(f) for f in frames.feed(GOOD)] == [Frame]


def test_garbage_without_end_keeps_memory_bounded() -> None:
    frames = Frames()
    for _ in range(100):
        frames.feed(b"@@" * 3000)
        frames.feed((GOOD[:24] + b"\x00\x04") * 50)
        assert len(frames._buffer) < 1100
        assert len(frames._dead) < 1100


def test_two_packets_in_one_read_are_two() -> None:
    assert [type(f) for f in whole(GOOD + GOOD)] == [Frame, Frame]


def test_the_objects_of_every_upward_type_are_read() -> None:
    told = {app: objects.read(bytes.fromhex(app)) for app in (
        "0402010284fa0400090207150d0373fb050009020715", "0502010203040d030101", "180131fa040009020715", "19010304",
        "1501050400" + "09020715", "08010102040009020715", "1c01050009020715", "1a0105c7f8a3",
        "0701010228aabbccdd" + "c7f8" + "00" * 29, "0601" + "010204" + "c7f8a3b1")}
    assert not any(one.short for app, one in told.items() if not app.startswith("1a"))
    assert [len(one.items) for one in told.values()] == [2, 2, 1, 1, 1, 1, 1, 0, 1, 1]
    assert told["0402010284fa0400090207150d0373fb050009020715"].items[1].operation == 0x73  # type: ignore[union-attr]
    assert objects.read(bytes.fromhex("0601" + "010204" + "c7f8a3b1")).items == [objects.Configuration(1, 2, "区１")]


def test_fewer_objects_than_announced_are_told_and_those_there_are_read() -> None:
    told = decode({"kind": "app", "hex": "0102010204020400090207150d03"})
    assert (told["count"], len(told["items"])) == (2, 1)
    assert objects.read(bytes.fromhex("0102010204020400090207150d03")).short


@given(st.binary(max_size=300), st.integers(0, 300))
def test_anything_before_a_good_packet_is_survived(noise: bytes, at: int) -> None:
    raw = noise + GOOD
    found = whole(raw)
    assert isinstance(found[-1], Frame)
    assert found[-1].app.hex() == PART
    assert whole(raw[:at], raw[at:]) == found


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=3), st.integers(1, 90))
def test_a_changed_packet_is_survived_however_it_is_split(changes: list[tuple[int, int]], step: int) -> None:
    mutated = bytearray(GOOD)
    for at, byte in changes:
        mutated[at] = byte
    raw = bytes(mutated) * 2 + GOOD
    found = whole(raw)
    assert isinstance(found[-1], Frame)
    assert found[-1].app.hex() == PART
    assert whole(*[raw[i:i + step] for i in range(0, len(raw), step)]) == found


@given(st.binary(max_size=200), st.sampled_from(["frame", "app"]))
def test_decode_reads_or_refuses(raw: bytes, kind: str) -> None:
    for one in (raw, GOOD[:27] + raw):
        try:
            decode({"kind": kind, "hex": one.hex()})
        except Malformed:
            continue
