"""The codec against the public vectors, ThingsBoard's own number tests, and whatever hypothesis thinks up."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.tests.desk import vectors
from shouwang.drivers.thingsboard import Malformed, decode, kind_of, read


@pytest.mark.parametrize("vector", vectors(), ids=lambda v: v["id"])
def test_every_vector_decodes_to_its_expectation_or_is_rejected(vector: dict[str, Any]) -> None:
    if vector.get("absent"):
        pytest.skip(vector["id"])
    if str(vector["expect"]).startswith("reject"):
        with pytest.raises(Malformed, match="JSON"):
            decode(vector["topic"], vector["payload"])
    else:
        assert decode(vector["topic"], vector["payload"]) == vector["expect"]


@pytest.mark.parametrize(("text", "value", "kind"), [
    # what JsonConverterTest.java (Apache-2.0) of ThingsBoard asserts
    ("1E+1", 10, "long"), ("101E-1", 10.1, "double"), ("1E1", 10, "long"), ("42.0", 42.0, "double"),
    ("1.1", 1.1, "double"), ("11", 11, "long"), ("9.9701010061400066E19", "99701010061400066000", "string"),
    ("99701010061400066001", "99701010061400066001", "string"), ("1E19", "10000000000000000000", "string"),
    # and its edges
    ("9223372036854775807", 2**63 - 1, "long"), ("9223372036854775808", "9223372036854775808", "string"),
    ("-9223372036854775808", -(2**63), "long"), ("1.0E+1", 10, "long"), ("-0.0", 0.0, "double"),
    ("0.12345678901234567", "0.12345678901234567", "string"), ("0.1234567890123456", 0.1234567890123456, "double"),
])
def test_numbers_are_typed_as_thingsboard_types_them(text: str, value: Any, kind: str) -> None:
    shown = decode("v1/devices/me/telemetry", f'{{"meterReadingDelta": {text}}}')
    assert shown == {"meterReadingDelta": value, "type": kind}
    assert type(shown["meterReadingDelta"]) is type(value)


@pytest.mark.parametrize("topic", ["v1/devices/me/telemetry", "v2/t", "v2/t/j"])
def test_arrays_of_either_form_are_read(topic: str) -> None:
    message = read(topic, b'[{"a":1},{"ts":1700000000000,"values":{"a":2}},{"ts":"1700000000001","values":{"a":3}}]')
    assert [(r.t, r.values["a"]) for r in message.rows] == [(None, 1), (1700000000000, 2), (1700000000001, 3)]


def test_a_bad_part_of_a_gateway_message_leaves_the_rest() -> None:
    message = read("v1/gateway/telemetry", b'{"A":[{"ts":"x","values":{"a":1}},{"values":{"a":2}}],"B":7,"C":{"a":3}}')
    assert [(r.device, r.values) for r in message.rows] == [("A", {"a": 2}), ("C", {"a": 3})]
    assert [f.split(":")[0] for f in message.faults] == ["A[0]", "B"]


def test_nan_as_python_writes_it_does_not_hide_its_neighbours() -> None:
    message = read("v1/devices/me/telemetry", json.dumps({"a": float("nan"), "b": 0.285, "c": float("-inf")}).encode())
    assert message.rows[0].values == {"a": "NaN", "b": "0.285", "c": "-Infinity"}


@pytest.mark.parametrize(("topic", "kind"), [
    ("v1/gateway/rpc", ("quiet", False)), ("v1/devices/me/rpc/request/7", ("quiet", False)),
    ("v2/a", ("attributes", False)),
    ("v1/gateway/attributes", ("attributes", True)), ("v1/gateway/disconnect", ("disconnect", True)),
    ("v1/devices/me/telemetry/", None), ("", None), ("spBv1.0/g/NDATA/n", None),
])
def test_topics_are_known_or_not(topic: str, kind: Any) -> None:
    assert kind_of(topic) == kind


@pytest.mark.parametrize("payload", [
    b"", b"7", b"null", b'"x"', b"[1]", b'{"a":', b"\xff\xfe", b"{}garbage", b"[" * 100_000, b'{"a":' * 50_000,
    b'{"NaN":' * 50_000, b"9" * 10_000, b'{"ts":1e999999999,"values":{}}', b'{"ts":[],"values":{}}', b"NaN",
])
def test_what_cannot_be_read_says_so(payload: bytes) -> None:
    with pytest.raises(Malformed):
        decode("v1/devices/me/telemetry", payload)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["ts", "values", "device", "a", "value", "unit"]) | st.text(max_size=4), inner, max_size=4),
    max_leaves=20)
topics = st.sampled_from(["v1/devices/me/telemetry", "v1/devices/me/attributes", "v1/gateway/telemetry",
                          "v1/gateway/attributes", "v1/gateway/connect", "v1/gateway/rpc"])


@given(topics, anything)
def test_any_json_is_decoded_or_refused_and_never_crashes(topic: str, thing: Any) -> None:
    with suppress(Malformed):
        json.dumps(decode(topic, json.dumps(thing)))


@given(topics, st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused_and_never_crash(topic: str, raw: bytes) -> None:
    with suppress(Malformed):
        decode(topic, raw)
