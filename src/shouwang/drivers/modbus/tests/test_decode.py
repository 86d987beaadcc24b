"""The public vectors of Modbus, kept outside the project, and what is not in them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.modbus import packet
from shouwang.drivers.modbus.decode import decode
from shouwang.drivers.rows import Malformed

REPO = Path(__file__).parents[5]
VECTORS = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "modbus.dev.json"
INVALID = {"mode": "other/invalid"}


def vectors() -> list[Any]:
    if not VECTORS.exists():
        why = f"没有 {VECTORS}:用 SHOUWANG_SHARED 指明它的位置"
        return [pytest.param({}, marks=pytest.mark.skip(why), id="absent")]
    return [pytest.param(one, id=one["id"]) for one in json.loads(VECTORS.read_text())["vectors"]]


@pytest.mark.parametrize("vector", vectors())
def test_vector(vector: dict[str, Any]) -> None:
    assert decode(vector) == vector["decode"]


@pytest.mark.parametrize(("pdu", "says"), [
    ("0200c40016", {"request": True, "address": 196, "count": 22}),
    ("0103cd6b05", {"bits_hex": "cd6b05"}),
    ("0402000a", {"registers": [10]}),
    ("0405000a0b0c0d", {}),  # registers have two octets
    ("0403000a0b", {"request": True, "address": 768, "count": 2571}),
    ("05 00acff00", {"address": 172, "value": 65280}),
    ("06 00010003", {"address": 1, "value": 3}),
    ("0f 0013000a 02cd01", {"request": True, "address": 19, "count": 10, "bits_hex": "cd01"}),
    ("0f 0013000a", {"address": 19, "count": 10}),
    ("10 00010002 04000a0102", {"request": True, "address": 1, "count": 2, "registers": [10, 258]}),
    ("10 00010002 05000a0102", {}),
    ("16 000400f20025", {"address": 4, "and_mask": 242, "or_mask": 37}),
    ("2b 0e0100", {}), ("83", {}),
])
def test_what_each_function_says_in_every_form(pdu: str, says: dict[str, Any]) -> None:
    octets = bytes([17]) + bytes.fromhex(pdu)
    head = {"unit": 17, "fc": octets[1]}
    tcp = bytes.fromhex("000700000000")[:5] + bytes([len(octets)]) + octets
    assert decode({"hex": tcp.hex()}) == {"mode": "tcp", "tid": 7, **head, **says}
    rtu = octets + packet.crc(octets)
    if len(rtu) > 3:
        assert decode({"hex": rtu.hex()}) == {"mode": "rtu", **head, "crc_ok": True, **says}
        assert decode({"hex": (rtu[:-1] + bytes([rtu[-1] ^ 1])).hex()}) == INVALID
    for wrong in (0, 1):
        text = b":" + (octets + bytes([packet.lrc(octets) ^ wrong])).hex().upper().encode() + b"\r\n"
        assert decode({"hex": text.hex()}) == {"mode": "ascii", **head, "lrc_ok": not wrong, **says}


@pytest.mark.parametrize("text", [
    "", "00", ":", "616263" + "3a30303033303037433030303237460d0a", "0001123400 06ff0201020008", "000100000001ff",
    "3a303030330d", "0c0500000002ff8302"])
def test_a_part_more_than_one_or_anything_else_is_no_frame(text: str) -> None:
    if text == ":":
        text = text.encode().hex()
    assert decode({"hex": text}) == INVALID


@pytest.mark.parametrize("item", [{}, {"hex": "zz"}, {"hex": 5}])
def test_what_is_no_hex_is_malformed(item: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        decode(item)


@given(st.binary(max_size=300))
def test_octets_never_break_it(raw: bytes) -> None:
    assert decode({"hex": raw.hex()})["mode"] in ("tcp", "rtu", "ascii", "other/invalid")
    framed = raw[:253] or b"\0\0"
    assert decode({"hex": (framed + packet.crc(framed)).hex()})["mode"] in ("rtu", "tcp", "ascii", "other/invalid")


@given(st.sampled_from([v.values[0] for v in vectors() if v.values[0]] or [{"hex": "1183", "decode": {}}]), st.data())
def test_a_part_of_a_frame_is_none(vector: dict[str, Any], data: st.DataObject) -> None:
    raw = bytes.fromhex(vector["hex"])
    cut = data.draw(st.integers(0, max(0, len(raw) - 1)))
    if vector["decode"] != INVALID and vector["decode"].get("mode") != "rtu":
        assert decode({"hex": raw[:cut].hex()}) == INVALID
