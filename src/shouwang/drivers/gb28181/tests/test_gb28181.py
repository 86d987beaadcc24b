"""SIP and MANSCDP: the public vectors exactly, split at every byte, garbage around, and what devices get wrong."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.gb28181 import packet
from shouwang.drivers.gb28181.decode import decode
from shouwang.drivers.gb28181.packet import Bad, Message, Splitter
from shouwang.drivers.rows import Malformed

REPO = Path(__file__).parents[5]
FILE = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "gb28181.dev.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"] if FILE.exists() else []

BODY = ('<?xml version="1.0" encoding="GB2312"?>\r\n<Notify><CmdType>Alarm</CmdType><SN>7</SN>'
        "<DeviceID>34020000001340000001</DeviceID><AlarmDescription>朱镕基路🔥</AlarmDescription></Notify>"
        ).encode("gb18030")
KEEPALIVE = (b"MESSAGE sip:34020000002000000001@3402000000 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.9;branch=z9hG4bK1\r\n"
             b"f: <sip:34020000001320000001@3402000000>;tag=1\r\nTo: <sip:34020000002000000001@3402000000>\r\n"
             b"CSeq: 20 MESSAGE\r\nContent-Type: Application/MANSCDP+xml\r\nContent-Length:     %d\r\n\r\n%s"
             % (len(BODY), BODY))
REGISTERED = (b"SIP/2.0 200 OK\r\nCSeq: 2 REGISTER\r\nFrom: <sip:1@x>;tag=1\r\nDate: 2026-11-22T12:00:00.000\r\n"
              b"Expires: 3600\r\nContent-Length: 0\r\n\r\n")


def test_the_vectors_are_there() -> None:
    if not VECTORS:
        pytest.skip(f"没有 {FILE}:用 SHOUWANG_SHARED 指明它的位置")


@pytest.mark.parametrize("vector", VECTORS, ids=[v["id"] for v in VECTORS])
def test_a_vector_decodes_exactly(vector: dict[str, Any]) -> None:
    assert decode(vector) == vector["decode"]


def messages(parts: list[bytes]) -> list[Message | Bad]:
    splitter = Splitter()
    return [one for part in parts for one in splitter.feed(part)]


def test_a_stream_split_anywhere_gives_the_same_messages() -> None:
    stream = KEEPALIVE + b"\r\n\r\n" + REGISTERED + KEEPALIVE
    whole = messages([stream])
    assert [type(one) for one in whole] == [Message] * 3
    for at in range(len(stream)):
        assert messages([stream[:at], stream[at:]]) == whole
    assert messages([bytes([byte]) for byte in stream]) == whole


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01\x02", b"REGISTER x\r\n",
                                     b"SIP/2.0 999 x\r\n",
                                     b"SIP/2.0 200 OK\r\nno colon\r\n\r\n", b"x" * 5000,
                                     b"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n",
                                     b"SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n"])
def test_garbage_is_reported_and_the_next_message_found(garbage: bytes) -> None:
    found = messages([garbage, KEEPALIVE])
    assert isinstance(found[0], Bad)
    assert [one for one in found if isinstance(one, Message)] == messages([KEEPALIVE])


def test_memory_is_bounded_against_headers_without_end() -> None:
    splitter = Splitter()
    found = [one for _ in range(100) for one in splitter.feed(b"SIP/2.0 200 OK\r\n" + b"a: b\r\n" * 1000)]
    assert found
    assert len(splitter._kept) <= packet.MOST + 6100


@given(st.binary(max_size=300))
def test_random_bytes_do_no_harm(raw: bytes) -> None:
    found = messages([raw, b"\r\n" + KEEPALIVE, KEEPALIVE])
    assert any(isinstance(one, Message) for one in found)
    with suppress(Malformed):
        decode({"hex": raw.hex()})


@given(st.integers(0, len(KEEPALIVE) - 1), st.integers(0, 255))
def test_a_mutated_message_is_read_or_malformed(at: int, byte: int) -> None:
    mutated = KEEPALIVE[:at] + bytes([byte]) + KEEPALIVE[at + 1:]
    with suppress(Malformed):
        decode({"text": mutated.decode("utf-8", "replace")})
    messages([mutated])


def test_a_body_that_declares_gb2312_is_read_as_gb18030() -> None:
    (message,) = messages([KEEPALIVE])
    assert isinstance(message, Message)
    assert "朱镕基路🔥" in packet.text_of(message.body)
    assert packet.text_of("<a>联通</a>".encode()) == "<a>联通</a>"
    assert decode({"hex": message.body.hex()})["cmd"] == "Alarm"


def test_a_message_with_a_body_tells_both() -> None:
    assert decode({"text": KEEPALIVE.decode("gb18030")}) == {
        "method": "MESSAGE", "from_id": "34020000001320000001", "body": {
            "root": "Notify", "cmd": "Alarm", "sn": "7", "device_id": "34020000001340000001", "sum_num": None,
            "item_ids": [], "status": None}}


def test_a_response_tells_how_long_and_when() -> None:
    assert decode({"text": REGISTERED.decode()}) == {
        "status": 200, "expires": 3600, "date": "2026-11-22T12:00:00.000"}


def test_expires_0_is_a_logout() -> None:
    text = "REGISTER sip:1@x SIP/2.0\r\nFrom: <sip:2@x>;tag=1\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n"
    assert decode({"text": text}) == {"method": "REGISTER", "from_id": "2", "expires": 0}


@pytest.mark.parametrize("xml", ["<Notify><Name>A&B</Name><CmdType>X</CmdType></Notify>",
                                 "\n\ufeff<?xml version='1.0' encoding='gbk'?><Notify><CmdType> X </CmdType></Notify>",
                                 "<Notify><Name>\x01</Name><CmdType>X</CmdType></Notify>"])
def test_small_mistakes_of_devices_are_mended(xml: str) -> None:
    assert decode({"xml": xml})["cmd"] == "X"


@pytest.mark.parametrize("item", [
    {}, {"xml": ""}, {"xml": "<Notify>"}, {"xml": "<a></b>"}, {"xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"},
    {"text": "HELLO"}, {"text": "REGISTER sip:1@x SIP/1.0\r\n\r\n"}, {"hex": "zz"}, {"text": 5},
    {"text": "MESSAGE sip:1@x SIP/2.0\r\nFrom: <sip:2@x>\r\nContent-Length: 10\r\n\r\nshort"},
    {"text": "REGISTER sip:1@x SIP/2.0\r\nFrom <sip:2@x>\r\n\r\n"},
])
def test_what_is_neither_is_malformed(item: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        decode(item)
