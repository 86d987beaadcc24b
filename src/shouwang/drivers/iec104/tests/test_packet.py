"""Frames out of a stream: wherever it is split, whatever stands between them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.iec104 import packet
from shouwang.drivers.iec104.decode import decode
from shouwang.drivers.iec104.packet import Apdu, Bad, Splitter
from shouwang.drivers.rows import Malformed

GOOD = [bytes.fromhex(text) for text in (
    "680e0000020064010700010000000014", "6815060002001e8114002f000c00000066e80516150b1a", "680443000000",
    "6812040002000d8114002f000b00006666863f00", "680401000a00", "681214000600320107002f001600000000484100",
    "680e04000200030114000100d1070001", "681406001600670106002f0000000059020616150b1a")]
LAST = bytes.fromhex("6804830000 00")


def split(*pieces: bytes) -> list[Apdu | Bad]:
    splitter = Splitter()
    out = [frame for piece in pieces for frame in splitter.feed(piece)]
    return out + splitter.close()


def good(found: list[Apdu | Bad]) -> list[bytes]:
    return [frame.raw for frame in found if isinstance(frame, Apdu)]


def test_split_at_every_octet_the_frames_are_the_same() -> None:
    stream = b"".join(GOOD[:4]) + b"\xff\x68\x01" + b"".join(GOOD[4:])
    whole = split(stream)
    assert good(whole) == GOOD
    assert [frame.raw for frame in whole if isinstance(frame, Bad)] == [b"\xff\x68\x01"]
    for at in range(len(stream)):
        assert split(stream[:at], stream[at:]) == whole
    assert split(*(bytes([octet]) for octet in stream)) == whole


@pytest.mark.parametrize("raw", GOOD, ids=[raw.hex() for raw in GOOD])
def test_one_octet_changed_in_the_frame_never_swallows_the_next(raw: bytes) -> None:
    for at in range(min(8, len(raw))):
        for value in range(256):
            spoilt = raw[:at] + bytes([value]) + raw[at + 1:]
            found = good(split(spoilt + LAST * 50))
            assert found[-1] == LAST, (at, value)
            if value == 0x68 or at == 6:  # a start of its own, or a type whose length nobody knows
                continue
            assert found.count(LAST) >= 50, (at, value)


def test_a_frame_cut_short_is_told_at_the_end() -> None:
    found = split(GOOD[0], GOOD[1][:-1])
    assert good(found) == GOOD[:1]
    assert found[1] == Bad(GOOD[1][:-1], "报文不完整")


@given(st.lists(st.binary(max_size=400), max_size=6))
def test_garbage_is_told_and_little_of_it_kept(pieces: list[bytes]) -> None:
    splitter = Splitter()
    out: list[Apdu | Bad] = []
    for piece in pieces:
        out += splitter.feed(piece)
        assert len(splitter._held) < 2 + packet.LONGEST
    out += splitter.close()
    assert b"".join(frame.raw for frame in out) == b"".join(pieces)  # every octet is somewhere, in order
    after = Splitter()
    found = [frame for piece in [*pieces, LAST * 60] for frame in after.feed(piece)]
    assert good(found)[-1] == LAST


def items() -> st.SearchStrategy[Any]:
    mutated = st.tuples(st.sampled_from(GOOD), st.integers(0, 30), st.integers(0, 255)).map(
        lambda m: m[0][:m[1]] + bytes([m[2]]) + m[0][m[1] + 1:])
    return st.one_of(st.binary(max_size=260), mutated, st.binary(max_size=60).map(lambda b: GOOD[0][:6] + b))


@given(items())
def test_octets_never_break_the_decoder(raw: bytes) -> None:
    try:
        told = decode({"hex": raw.hex()})
    except Malformed:
        return
    assert told["format"] in "ISU"
