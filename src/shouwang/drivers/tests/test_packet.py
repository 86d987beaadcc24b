"""The packet codec: split and joined at every boundary, and fed with rubbish."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.mqtt import packet as p
from shouwang.drivers.tests.wire import connect, publish, subscribe

STREAM = [connect("token", "secret", will=True),
          connect("token", version=p.V5, properties=b"\x11\0\0\0\5\x26\0\1a\0\1b"),
          publish("{}", qos=0), publish('{"a":1}' * 40, packet_id=65535), publish(b"x", version=p.V5),
          subscribe("v1/gateway/rpc", "a/#"), p.pack(p.PINGREQ), p.pack(p.DISCONNECT)]


def cut(chunks: list[bytes], limit: int = 1 << 20) -> list[p.Frame]:
    """The packets of a stream that came in these chunks."""
    frames, found = p.Frames(limit), []
    for chunk in chunks:
        frames.feed(chunk)
        found += list(frames)
    return found


def test_a_stream_is_the_same_wherever_it_is_split() -> None:
    whole = b"".join(STREAM)
    expected = [cut([packet])[0] for packet in STREAM]
    assert cut([whole]) == expected
    assert cut([whole[i:i + 1] for i in range(len(whole))]) == expected
    for at in range(len(whole)):
        assert cut([whole[:at], whole[at:]]) == expected


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_lengths_around_every_varint_step(length: int) -> None:
    frame, = cut([p.pack(p.PUBLISH, bytes(length))], 1 << 22)
    assert len(frame.body) == length


def test_connect_gives_everything_the_client_said() -> None:
    said = p.read_connect(cut([STREAM[0]])[0].body)
    assert said == p.Connect(p.V311, "c", "token", "secret", 60, True, {})
    said = p.read_connect(cut([STREAM[1]])[0].body)
    assert (said.version, said.properties) == (p.V5, {0x11: 5, 0x26: ("a", "b")})


def test_publish_gives_topic_payload_and_id() -> None:
    said = p.read_publish(cut([publish(b"x", version=p.V5, packet_id=7, dup=True)])[0], p.V5)
    assert said == p.Publish("v1/devices/me/telemetry", b"x", 1, True, 7)


@pytest.mark.parametrize("raw", [
    b"\x00\x00", b"\xf1\x00", b"\x80\x00", b"\x60\x02\0\1", b"\x30\xff\xff\xff\xff\x01", b"GET / HTTP/1.1\r\n",
])
def test_headers_that_cannot_be_are_broken(raw: bytes) -> None:
    with pytest.raises(p.Broken):
        cut([raw])


def test_a_body_beyond_the_limit_is_refused_before_it_arrives() -> None:
    with pytest.raises(p.Broken, match="上限") as e:
        cut([b"\x30\x80\x80\x40"], 1 << 10)
    assert e.value.reason == "packet_too_big"


@pytest.mark.parametrize("raw", [
    publish("{}", packet_id=0), publish("{}", topic=""), publish("{}", topic="a/#"), publish("{}", topic="a\0b"),
    p.pack(p.PUBLISH, b"\0\5ab"), p.pack(p.PUBLISH, b"\0\1\xff"), p.pack(p.PUBLISH, b"\0\1a\0\1", 6),
])
def test_publishes_that_cannot_be_are_broken(raw: bytes) -> None:
    with pytest.raises(p.Broken):
        p.read_publish(cut([raw])[0], p.V311)


READERS = [p.read_connect, p.read_packet_id, lambda b: p.read_subscribe(b, p.V311), lambda b: p.read_subscribe(b, p.V5),
           lambda b: p.read_unsubscribe(b, p.V5), lambda b: p.read_publish(p.Frame(p.PUBLISH, 2, b), p.V5),
           lambda b: p.read_publish(p.Frame(p.PUBLISH, 0, b), p.V311)]


@given(st.sampled_from(READERS), st.binary(max_size=120), st.sampled_from(STREAM))
def test_no_body_crashes_a_reader(reader: object, noise: bytes, seed: bytes) -> None:
    for body in (noise, seed[2:] + noise, noise + seed[4:]):
        with suppress(p.Broken):
            reader(body)  # type: ignore[operator]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_stream_crashes_the_cutter(chunks: list[bytes]) -> None:
    with suppress(p.Broken):
        cut(chunks, 1000)
