"""Values become scaled integers exactly as their decimal text says."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shouwang.drivers.scale import INT32, quick, scale
from shouwang.drivers.tests.desk import CELSIUS, PRESSURE
from shouwang.drivers.thingsboard import Figure
from shouwang.engines.telemetry import quality

F = Figure


@pytest.mark.parametrize(("value", "digits", "expected"), [
    (F("0.285"), 2, 29), (F("0.2849999999999999999999999999999999999"), 2, 28), (F("1.005"), 2, 101),
    (F("-0.285"), 2, -29), (F("2.5"), 0, 3), (F("0.04"), 1, 0), (F("0.05"), 1, 1), (F("1E+1"), 2, 1000),
    (F("1e-999999"), 2, 0), (95, 2, 9500), (True, 0, 1), (False, 2, 0), ("1.25", 1, 13), (" 7 ", 0, 7), ("-.5", 1, -5),
    (INT32 - 1, 0, INT32 - 1), (-INT32, 0, -INT32), (F("21474836.47"), 2, INT32 - 1),
])
def test_rounding_is_half_up_on_the_decimal_text(value: Any, digits: int, expected: int) -> None:
    assert scale(value, digits, PRESSURE) == (expected, quality.GOOD, None)


@pytest.mark.parametrize("value", [
    F("NaN"), F("Infinity"), F("-Infinity"), "NaN", "abc", "1,5", "1_000", "\uff11\uff12", [], [1], {}, {"a": 1},
    {"value": []},
    {"value": 1, "extra": 2}, INT32, -INT32 - 1, F("1e400"), F("1e999999999"), "9" * 500, F("21474836.475"),
    {"value": F("1e400"), "unit": "kPa"},
])
def test_what_is_not_a_reading_is_refused(value: Any) -> None:
    digits = 2 if isinstance(value, Figure) else 0
    assert scale(value, digits, PRESSURE).reason == "not_a_number"


@pytest.mark.parametrize("value", [None, "", "  ", {"value": None}, {"value": "", "quality": "good"}])
def test_empty_is_no_data_and_never_zero(value: Any) -> None:
    assert scale(value, 2, PRESSURE) == (0, quality.NO_DATA, "empty")


@pytest.mark.parametrize(("value", "expected"), [
    ({"value": F("101.325"), "unit": "kPa"}, (1013, quality.GOOD, None)),
    ({"value": 150000, "unit": "Pa", "quality": "calibration"}, (1500, quality.CALIBRATION, None)),
    ({"value": F("0.1"), "unit": "MPa", "quality": "fault"}, (1000, quality.FAULT, None)),
    ({"value": F("0.1")}, (1000, quality.GOOD, None)),
    ({"value": 1, "unit": "psi"}, (0, quality.FAULT, "unit")),
    ({"value": 1, "unit": 5}, (0, quality.FAULT, "unit")),
    ({"value": 1, "quality": "superb"}, (0, quality.FAULT, "quality")),
    ({"value": 1, "quality": [1]}, (0, quality.FAULT, "quality")),
])
def test_our_extension_converts_units_and_carries_quality(value: Any, expected: tuple[int, int, str | None]) -> None:
    assert scale(value, 4, PRESSURE) == expected


def test_an_offset_unit_is_exact() -> None:
    assert scale({"value": F("273.1"), "unit": "K"}, 1, CELSIUS).v == -1  # -0.05 → -0.1


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-10**12, max_value=10**12), st.integers(0, 6))
@example(Decimal("0.285"), 2)
def test_it_agrees_with_plain_decimal_arithmetic(number: Decimal, digits: int) -> None:
    exact = (number * 10**digits).quantize(Decimal(1), ROUND_HALF_UP) if number.adjusted() + digits < 25 else None
    scaled = scale(Figure(str(number)), digits, PRESSURE)
    if len(str(number)) > 20:
        return
    if exact is not None and -INT32 <= exact < INT32:
        assert scaled == (int(exact), quality.GOOD, None)
    else:
        assert scaled.reason == "not_a_number"


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,14})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
       st.integers(0, 6))
@example("0.285", 2)
@example("-0.5", 0)
@example("0.28E5", 2)
@example("1.2849999999999999999999", 2)
@example("21474836.475", 2)
def test_the_short_way_agrees_with_the_long_one(text: str, digits: int) -> None:
    short = quick(F(text), digits)
    if short is not None:
        assert scale(F(text), digits, PRESSURE) == (short, quality.GOOD, None)


@pytest.mark.parametrize("text", ["12.5", "0.285", "-7.125", "100.0"])
def test_ordinary_readings_take_the_short_way(text: str) -> None:
    assert quick(F(text), 2) is not None


@pytest.mark.parametrize("text", ["1E+1", "NaN", "-Infinity", "1.5e3", "99999999999.5"])
def test_odd_ones_do_not(text: str) -> None:
    assert quick(F(text), 2) is None


@given(st.text() | st.text("0123456789.eE+-", max_size=20).map(Figure), st.integers(0, 6))
def test_no_text_crashes_it(text: str, digits: int) -> None:
    scaled = scale(text, digits, PRESSURE)
    assert scaled.reason in (None, "empty", "not_a_number")
    assert -INT32 <= scaled.v < INT32
