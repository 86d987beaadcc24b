"""What a unit's values are worth and when they were."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from shouwang.drivers.iec104.asdu import Asdu
from shouwang.drivers.iec104.elements import BL, IV, NT, OV, SB
from shouwang.drivers.iec104.read import Receipt, moment, rows, word

CHINA = timezone(timedelta(hours=8))
NOW = 1_795_300_000_000  # 2026-11-21 22:26:40 UTC


def read(number: int, *objects: dict[str, Any],
         receipt: Receipt | None = None) -> list[tuple[int | None, dict[str, Any]]]:
    found = rows(Asdu(number, 3, 47, list(objects)), NOW, receipt or Receipt(), CHINA, {})
    assert {row.device for row in found} <= {"47"}
    return [(row.t, {key: said["value"] for key, said in row.values.items()}) for row in found]


def test_values_of_one_time_are_one_row_and_the_same_point_twice_is_two() -> None:
    at = {"time": "2026-11-22 06:26:40.500"}
    assert read(36, {"ioa": 1, "value": 1.0, **at}, {"ioa": 2, "value": 2.5, **at}, {"ioa": 1, "value": 3.0, **at}) == [
        (NOW + 500, {"1": "1.0", "2": "2.5"}), (NOW + 500, {"1": "3.0"})]


def test_of_two_values_without_time_the_later_one_stands() -> None:
    receipt = Receipt()
    assert read(1, {"ioa": 1, "value": 0}, {"ioa": 2, "value": 1}, {"ioa": 1, "value": 1}, receipt=receipt) == [
        (NOW, {"1": 0, "2": 1}), (NOW + 1, {"1": 1})]
    assert read(1, {"ioa": 1, "value": 0}, receipt=receipt) == [(NOW + 2, {"1": 0})]
    assert receipt(NOW + 10) == NOW + 10
    assert receipt(NOW - 3_600_000) == NOW - 3_600_000  # the clock was set back


@pytest.mark.parametrize("number", [45, 58, 70, 100, 101, 103, 127])
def test_what_is_no_process_information_brings_no_reading(number: int) -> None:
    assert read(number, {"ioa": 1, "value": 1}) == []


@pytest.mark.parametrize(("bits", "said"), [
    (0, "good"), (IV, "fault"), (IV | NT, "fault"), (NT, "no_data"), (BL, "no_data"), (NT | OV, "no_data"),
    (OV, "over_range"), (OV | SB, "over_range"), (SB, "uncertain")])
def test_quality(bits: int, said: str) -> None:
    assert word({"quality": bits}) == said


def test_an_invalid_clock_leaves_the_time_open_and_the_value_uncertain() -> None:
    one = {"time": "2026-11-22 06:26:40.500", "time_invalid": 1}
    assert moment(one, NOW, CHINA) is None
    assert word(one) == "uncertain"


@pytest.mark.parametrize(("one", "t"), [
    ({}, None), ({"time": None}, None), ({"time": "2026-02-31 00:00:00.000"}, None),
    ({"time": "2000-00-00 00:00:00.000"}, None), ({"time": "2026-11-21 22:05:60.000"}, None),
    ({"time": "63:00.000"}, None),
    ({"time": "2026-11-22 06:26:40.001"}, NOW + 1), ({"time": "2026-11-22 07:26:40.001", "summer": 1}, NOW + 1),
    ({"time": "26:40.250"}, NOW + 250), ({"time": "57:00.000"}, NOW - 1_780_000),  # half an hour back, not ahead
    ({"time": "56:00.000"}, NOW + 1_760_000)])
def test_when(one: dict[str, Any], t: int | None) -> None:
    assert moment(one, NOW, CHINA) == t
