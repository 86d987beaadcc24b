"""The codec alone: the vectors, splitting at every byte, garbage and broken frames before good ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.hj212.decode import decode
from shouwang.drivers.hj212.packet import LONGEST, Bad, Frame, Frames, crc, frame, read
from shouwang.drivers.hj212.tests.frames import said, vectors
from shouwang.drivers.rows import Malformed

GOOD = said("DataTime=20160801085857;a21026-Rtd=1.1,a21026-Flag=N")
BROKEN = [
    b"##0101QN=2016;CP=&&a=1", GOOD[:60], b"##9999" + GOOD[6:], b"##0003" + GOOD[6:], GOOD.replace(b"1.1", b"1.2"),
    b"##\r\n", b"##12", b"#", b"###0010", b"##0000\r\n", b"HTTP/1.1 400\r\n", bytes(range(256)), b"##0004&&&&",
]


def whole(*chunks: bytes) -> list[Frame | Bad]:
    frames = Frames()
    return [one for chunk in chunks for one in frames.feed(chunk)] + frames.rest()


def test_every_public_vector_is_read_as_stated() -> None:
    wrong = {v["id"]: decode(v) for v in vectors() if decode(v) != v["decode"]}
    assert not wrong


def test_every_public_vector_comes_out_of_the_stream_split_or_joined() -> None:
    every = vectors()
    joined = "".join(v["text"] for v in every).encode()
    found = whole(joined)
    assert [f.declared for f in found if isinstance(f, Frame)] == [v["decode"]["declared_len"] for v in every]
    assert [f.crc_ok for f in found if isinstance(f, Frame)] == [v["decode"]["crc_actual_ok"] for v in every]
    assert whole(*[joined[i:i + 1] for i in range(len(joined))]) == found


def test_the_appendix_prints_the_right_sum_in_the_frame_and_a_wrong_one_in_the_sentence() -> None:
    segment = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
    assert crc(segment) == "1C80"


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_frame_does_not_swallow_the_good_one_after_it(broken: bytes) -> None:
    raw = broken + GOOD
    found = whole(raw)
    assert isinstance(found[-1], Frame)
    assert found[-1].crc_ok
    assert found[-1].len_ok
    for at in range(len(raw)):
        assert whole(raw[:at], raw[at:]) == found


def test_a_frame_without_end_of_line_is_there_at_once() -> None:
    assert Frames().feed(GOOD[:-2])


def test_a_wrong_length_is_told_and_the_segment_is_still_read() -> None:
    (found,) = whole(b"##0099" + GOOD[6:])
    assert isinstance(found, Frame)
    assert (found.len_ok, found.crc_ok) == (False, True)
    told = decode({"text": "##0099" + GOOD[6:].decode()})
    assert (told["len_ok"], told["crc_ok"], told["crc_actual_ok"]) == (False, False, True)
    assert told["actual_len"] == len(GOOD) - 12
    assert told["cp"][1][0] == ["a21026-Rtd", "1.1"]


@pytest.mark.parametrize("coding", ["utf-8", "gb18030"])
def test_chinese_is_read_in_either_coding_and_either_way_of_counting(coding: str) -> None:
    text = "QN=20160801085857223;ST=32;CN=3020;PW=1;MN=M1;Flag=4;CP=&&i11001-Info=//清洗管路//&&"
    raw = text.encode(coding)
    for size in (len(raw), len(text)):
        (found,) = whole(b"##%04d%b%b\r\n" % (size, raw, crc(raw).encode()))
        assert isinstance(found, Frame)
        assert (found.len_ok, found.crc_ok) == (True, True)
        assert read(found.segment).cp == [[("i11001-Info", "//清洗管路//")]]
        told = decode({"text": f"##{size:04d}{text}{crc(raw)}\r\n"})
        assert (told["len_ok"], told["crc_actual_ok"], told["actual_len"]) == (True, True, size)


def test_garbage_without_end_keeps_memory_bounded() -> None:
    frames = Frames()
    for _ in range(200):
        frames.feed(b"##9999" + b"x" * 4000)
        assert len(frames._buffer) + len(frames._garbage) <= LONGEST + 5000


@given(st.binary(max_size=400), st.integers(0, 400))
def test_anything_before_a_good_frame_is_survived(noise: bytes, at: int) -> None:
    raw = noise + b"\r\n" + GOOD
    found = whole(raw)
    assert isinstance(found[-1], Frame)
    assert found[-1].segment == GOOD[6:-6]
    assert whole(raw[:at], raw[at:]) == found


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_good_frame_with_one_byte_changed_is_survived(at: int, byte: int) -> None:
    mutated = GOOD[:at] + bytes([byte]) + GOOD[at + 1:]
    assert GOOD[6:-6] in [f.segment for f in whole(mutated + GOOD) if isinstance(f, Frame)]


@given(st.text(max_size=200) | st.text("0123456789#=;,&QNCP\r\n", max_size=200).map("##0010".__add__))
def test_decode_reads_or_refuses(text: str) -> None:
    try:
        told = decode({"text": text})
    except Malformed:
        return
    assert told["len_ok"] == (told["declared_len"] == told["actual_len"])


@given(st.lists(st.tuples(st.sampled_from(["a21026-Rtd", "B01-Rtd", "a"]), st.text("0123456789.", max_size=8))))
def test_what_is_written_is_read_back(pairs: list[tuple[str, str]]) -> None:
    (found,) = whole(frame("ST=32;CP=&&" + ";".join(f"{k}={v}" for k, v in pairs) + "&&"))
    assert isinstance(found, Frame)
    assert read(found.segment).cp == [[pair] for pair in pairs]
