"""Payloads: the public vectors exactly, every kind of value, and no bytes that crash the reader."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers import protobuf
from shouwang.drivers.rows import Malformed
from shouwang.drivers.sparkplug import packet
from shouwang.drivers.sparkplug.decode import decode

REPO = Path(__file__).parents[5]
FILE = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "sparkplugb.dev.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"] if FILE.exists() else []
DDATA = bytes.fromhex("0880b89e8680321210100118b4949581a03420096500006040120d100418b4949581a034200b70011802")


def test_the_vectors_are_there() -> None:
    if not VECTORS:
        pytest.skip(f"没有 {FILE}:用 SHOUWANG_SHARED 指明它的位置")


@pytest.mark.parametrize("vector", VECTORS, ids=[v["id"] for v in VECTORS])
def test_a_vector_decodes_exactly(vector: dict[str, Any]) -> None:
    assert decode(vector) == vector["decode"]


def of(metric: dict[str, Any]) -> dict[str, Any]:
    """What decode makes of one metric."""
    shown: dict[str, Any] = decode({"hex": packet.packed({"metrics": [metric]}).hex()})["metrics"][0]
    return shown


@pytest.mark.parametrize(("metric", "value"), [
    ({"int_value": -5, "datatype": 3}, 4294967291), ({"long_value": -1, "datatype": 4}, 2**64 - 1),
    ({"float_value": 0.5}, 0.5), ({"double_value": -0.1}, -0.1), ({"boolean_value": False}, False),
    ({"string_value": "阀门"}, "阀门"), ({"bytes_value": b"\x00\xff"}, "00ff"), ({"is_null": True}, None), ({}, None),
    ({"dataset_value": {"num_of_columns": 2, "columns": ["a", "b"], "types": [3, 12],
                        "rows": [{"elements": [{"int_value": 1}, {"string_value": "x"}]}]}},
     {"num_of_columns": 2, "columns": ["a", "b"], "types": [3, 12], "rows": [[1, "x"]]}),
])
def test_every_kind_of_value_is_shown_as_it_travels(metric: dict[str, Any], value: Any) -> None:
    assert of(metric)["value"] == value
    assert of(metric)["is_null"] == metric.get("is_null")


@pytest.mark.parametrize(("value", "kind", "meant"), [
    (4294967291, 3, -5), (251, 1, -5), (4294967291, 1, -5), (65531, 2, -5), (2**64 - 5, 4, -5),
    (4294967291, 7, 4294967291), (5, 3, 5), (5, None, 5), ("5", 3, "5"), (127, 1, 127), (128, 1, -128),
])
def test_a_negative_integer_is_read_by_its_type(value: Any, kind: int | None, meant: Any) -> None:
    assert packet.signed(value, kind) == meant


@pytest.mark.parametrize("text", ["spBv1.0/G/NDATA/N/D", "spBv1.0/G/DDATA/N", "spAv1.0/G/NDATA/N", "spBv1.0/G/NDATA/",
                                  "spBv1.0/G/XDATA/N", "spBv1.0", ""])
def test_a_topic_that_is_none_of_sparkplug_is_refused(text: str) -> None:
    assert packet.topic(text) is None
    with pytest.raises(Malformed, match="主题"):
        decode({"topic": text, "hex": ""})


def test_a_host_application_speaks_json() -> None:
    told = b'{"online":true,"timestamp":1718000000000}'.hex()
    assert decode({"topic": "spBv1.0/STATE/h", "hex": told}) == {"online": True, "timestamp": 1718000000000}
    assert decode({"topic": "spBv1.0/STATE/h", "payload": '{"online":false}'}) == {"online": False, "timestamp": None}
    assert decode({"topic": "STATE/h", "hex": b"OFFLINE".hex()}) == {"online": False, "timestamp": None}
    with pytest.raises(Malformed):
        decode({"topic": "spBv1.0/STATE/h", "hex": b"[]".hex()})


def test_a_payload_cut_anywhere_inside_a_field_is_malformed_or_shorter() -> None:
    whole = decode({"hex": DDATA.hex()})
    for end in range(len(DDATA)):
        try:
            part = decode({"hex": DDATA[:end].hex()})
        except Malformed:
            continue
        assert part["metrics"] == whole["metrics"][:len(part["metrics"])]


def test_fields_nobody_knows_are_passed_over() -> None:
    unknown = bytes([0xF8, 0x07, 0x01, 0xFD, 0x07, 1, 2, 3, 4, 0xFA, 0x07, 1, 9, 0xFB, 0x07, 0x08, 0x01, 0xFC, 0x07])
    assert decode({"hex": (unknown + DDATA + unknown).hex()}) == decode({"hex": DDATA.hex()})


@pytest.mark.parametrize("hexed", ["0x", None, 5, "08", "80" * 11, "0f", "07", "1205", "03", "0b0c0b", "0a"])
def test_what_is_no_payload_is_malformed(hexed: Any) -> None:
    with pytest.raises(Malformed):
        decode({"hex": hexed})


def test_nesting_without_end_is_malformed() -> None:
    inner: dict[str, Any] = {"name": "x"}
    for _ in range(100):
        inner = {"name": "x", "template_value": {"metrics": [inner]}}
    with pytest.raises(Malformed, match="嵌套"):
        decode({"hex": packet.packed({"metrics": [inner]}).hex()})
    with pytest.raises(Malformed):
        protobuf.read(b"\x0b" * 5000, packet.PAYLOAD)


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        decode({"hex": raw.hex()})


@given(st.integers(0, len(DDATA) - 1), st.integers(0, 255), st.integers(0, 3))
def test_a_mutated_payload_is_read_or_malformed_and_the_next_one_is_read(at: int, byte: int, drop: int) -> None:
    with suppress(Malformed):
        decode({"hex": (DDATA[:at] + bytes([byte]) + DDATA[at + drop:]).hex()})
    assert decode({"hex": DDATA.hex()})["seq"] == 2
