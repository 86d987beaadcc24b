"""The public vectors of IEC 104, kept outside the project, and what is not in them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers.iec104 import asdu, elements, packet
from shouwang.drivers.iec104.asdu import Asdu
from shouwang.drivers.iec104.decode import decode
from shouwang.drivers.rows import Malformed

REPO = Path(__file__).parents[5]
VECTORS = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "iec104.dev.json"


def vectors() -> list[Any]:
    if not VECTORS.exists():
        why = f"没有 {VECTORS}:用 SHOUWANG_SHARED 指明它的位置"
        return [pytest.param({}, marks=pytest.mark.skip(why), id="absent")]
    return [pytest.param(one, id=one["id"]) for one in json.loads(VECTORS.read_text())["vectors"]]


@pytest.mark.parametrize("vector", vectors())
def test_vector(vector: dict[str, Any]) -> None:
    assert decode(vector) == vector["decode"]


def objects(number: int, body: str, structure: int = 1) -> list[dict[str, Any]]:
    """The objects of a unit of this type; `body` is hex after the common address."""
    raw = asdu.HEAD.pack(number, structure, asdu.SPONTANEOUS, 0, 47) + bytes.fromhex(body)
    return decode({"hex": packet.information(5, 7, raw).hex()})["objects"]  # type: ignore[no-any-return]


TIME = "66e80516150b1a"
SAYS = "2026-11-21 22:05:59.494"


@pytest.mark.parametrize(("number", "body", "says"), [
    (1, "91", {"value": 1, "quality": 0x90}),
    (3, "42", {"value": 2, "quality": 0x40}),
    (5, "bf10", {"value": 63, "transient": 1, "quality": 0x10}),
    (5, "4100", {"value": -63, "transient": 0, "quality": 0}),
    (7, "01000080ff", {"value": 0x80000001, "quality": 0xFF}),
    (9, "00c001", {"value": -0.5, "quality": 1}),
    (11, "feff20", {"value": -2, "quality": 0x20}),
    (13, "0000c07f80", {"value": None, "quality": 0x80}),
    (15, "15cd5b0765", {"value": 123456789, "seq": 5, "carry": 1, "adjusted": 1, "quality": 0}),
    (20, "0180038000", {"value": 0x8001, "changed": 0x8003, "quality": 0}),
    (21, "ff7f", {"value": 0.999969}),
    (30, "01" + TIME, {"value": 1, "quality": 0, "time": SAYS}),
    (34, "004000" + TIME, {"value": 0.5, "quality": 0, "time": SAYS}),
    (35, "7b0000" + TIME, {"value": 123, "quality": 0, "time": SAYS}),
    (37, "0100000080" + TIME, {"value": 1, "seq": 0, "carry": 0, "adjusted": 0, "quality": 0x80, "time": SAYS}),
    (38, "821e00" + TIME, {"value": 2, "quality": 0x80, "elapsed": 30, "time": SAYS}),
    (2, "01" + "66e805", {"value": 1, "quality": 0, "time": "05:59.494"}),
    (46, "82", {"value": 2, "select": 1}),
    (58, "81" + TIME, {"value": 1, "select": 1, "time": SAYS}),
    (48, "004000", {"value": 0.5}), (49, "feff00", {"value": -2}), (51, "ffffffff", {"value": 0xFFFFFFFF}),
    (63, "0000484100" + TIME, {"value": 12.5, "time": SAYS}),
    (70, "00", {"coi": 0}), (101, "05", {"qcc": 5}), (102, "", {}), (104, "aa55", {"fbp": 0x55AA}),
    (105, "01", {"qrp": 1}), (107, "0100" + TIME, {"tsc": 1, "time": SAYS}),
    (110, "004001", {"value": 0.5, "qpm": 1}), (127, "0102", {"raw": "0102"}),
])
def test_what_each_type_says(number: int, body: str, says: dict[str, Any]) -> None:
    assert objects(number, "0b0000" + body) == [{"ioa": 11, **says}]


def test_one_address_for_a_row_of_objects_counts_up() -> None:
    assert objects(1, "ffff00" + "0100", 0x82) == [{"ioa": 65535, "value": 1, "quality": 0},
                                                  {"ioa": 65536, "value": 0, "quality": 0}]


@pytest.mark.parametrize(("stamp", "says"), [
    ("66e88516150b1a", {"time": SAYS, "time_invalid": 1}),
    ("66e80596150b1a", {"time": SAYS, "summer": 1}),
    ("66e84516d50b1a", {"time": SAYS, "substituted": 1}),
    ("00000000000000", {"time": "2000-00-00 00:00:00.000"}),
    ("60ea0516150b1a", {"time": "2026-11-21 22:05:60.000"}),
])
def test_what_a_clock_says_of_itself(stamp: str, says: dict[str, Any]) -> None:
    assert objects(30, "0b000001" + stamp) == [{"ioa": 11, "value": 1, "quality": 0, **says}]


@pytest.mark.parametrize("number", sorted(asdu.TYPES))
def test_every_type_is_written_as_it_is_read(number: int) -> None:
    stamp = {elements.CP56: bytes.fromhex(TIME), elements.CP24: bytes.fromhex(TIME)[:3]}
    body = b"".join(stamp.get(part, bytes(part.size)) for part in asdu.TYPES[number])
    raw = asdu.HEAD.pack(number, 1, 3, 0, 1) + bytes((7, 0, 0)) + body
    assert asdu.write(asdu.read(raw)) == raw


def test_supervisory_and_unnumbered() -> None:
    assert decode({"hex": packet.supervisory(9).hex()}) == {"apdu_len": 4, "len_ok": True, "format": "S", "nr": 9}
    assert decode({"hex": packet.unnumbered("STARTDT_ACT").hex()})["u"] == "STARTDT_ACT"


def test_a_wrong_length_is_told() -> None:
    assert decode({"hex": "680543000000"}) == {"apdu_len": 5, "len_ok": False, "format": "U", "u": "TESTFR_ACT"}
    cut = {"apdu_len": 14, "len_ok": False, "format": "I", "ns": 0, "nr": 1}
    assert decode({"hex": "680e0000020064010700010000"}) == cut
    more = decode({"hex": "680e0000020064010700010000000014" + "680443000000"})
    assert (more["len_ok"], more["objects"]) == (False, [{"ioa": 0, "qoi": 20}])


@pytest.mark.parametrize("text", ["", "68", "6804430000", "690443000000", "zz",
                                  "680d00000200640107000100000000", "680f0000020064010700010000000014ff"])
def test_what_is_no_frame_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode({"hex": text})


def test_cause_flags_and_originator() -> None:
    unit = Asdu(100, asdu.CONFIRMED, 1, [{"ioa": 0, "qoi": 20}], test=1, negative=1, oa=9)
    told = decode({"hex": packet.information(0, 0, asdu.write(unit)).hex()})
    assert (told["cot"], told["test"], told["negative"], told["oa"]) == (7, 1, 1, 9)
