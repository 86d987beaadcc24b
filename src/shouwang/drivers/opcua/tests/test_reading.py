"""StatusCodes and values, without a server."""

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.opcua import reading
from shouwang.engines.telemetry.quality import WORDS


@pytest.mark.parametrize(("code", "quality"), [
    (0, "good"), (0x00960000, "uncertain"), (0x40000000, "uncertain"), (0x40940000, "over_range"),
    (0x80000000, "fault"), (0x808C0000, "fault"), (0x808B0000, "fault"), (0x80890000, "fault"),
    (0x80310000, "no_data"), (0x80320000, "no_data"), (0x808A0000, "no_data"), (0x808D0000, "no_data"),
    (0x803C0000, "over_range"), (0x00000500, "over_range"), (0x00000600, "over_range"), (0x00000700, "good"),
    (0x00000200, "good"), (0x00000480, "good"), (0xC0000000, "fault"),
])
def test_a_status_code_says_what_a_value_is_worth(code: int, quality: str) -> None:
    assert reading.worth(code).quality == quality


def test_an_overflow_is_seen() -> None:
    assert reading.worth(0x480).lost
    assert not reading.worth(0x400).lost
    assert not reading.worth(0x080).lost  # without the DataValue bit the information bits mean nothing


@pytest.mark.parametrize(("raw", "kind", "code", "value"), [
    (1.5, "Double", 0, "1.5"), (0.10000000149011612, "Float", 0, "0.1"), (True, "Boolean", 0, True),
    (7, "Int32", 0, 7), ("12.5", "String", 0, "12.5"), (None, "Null", 0, None), (math.nan, "Double", 0, None),
    (math.nan, "Double", 0x80000000, {"value": 0, "quality": "fault"}),
    (1.5, "Double", 0x40000000, {"value": "1.5", "quality": "uncertain"}),
    (1.5, "Double", 0x80310000, {"value": 0, "quality": "no_data"}),
    (None, "Null", 0x808C0000, {"value": 0, "quality": "fault"}), ([1, 2], "Int32", 0, "[1, 2]"),
])
def test_a_value_goes_with_its_quality(raw: Any, kind: str, code: int, value: Any) -> None:
    assert reading.value(raw, kind, code) == value


@given(st.integers(0, 2**32 - 1))
def test_every_status_code_has_a_quality(code: int) -> None:
    assert reading.worth(code).quality in WORDS


def test_a_time_without_zone_is_utc() -> None:
    when = datetime(2024, 6, 10, 6, 13, 20, 999_999)
    assert reading.ms(when) == 1_718_000_000_999
    assert reading.ms(when.replace(tzinfo=timezone(timedelta(hours=8)))) == 1_718_000_000_999 - 8 * 3_600_000
    assert reading.ms(None) is None
