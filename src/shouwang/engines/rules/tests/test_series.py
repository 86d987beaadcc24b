"""The notation itself."""

from decimal import Decimal

import pytest

from shouwang.engines.rules.series import parse


def times(text: str, **given: object) -> list[tuple[int, str]]:
    samples, _ = parse(text, **given)  # type: ignore[arg-type]
    return [(s.t, str(s.value) + ("" if s.quality == "good" else f"!{s.quality}")) for s in samples]


def test_repeats_ramps_gaps_and_qualities() -> None:
    assert times("20x3 95") == [(0, "20"), (1000, "20"), (2000, "20"), (3000, "95")]
    assert times("20+5x3 -1-1x2") == [(0, "20"), (1000, "25"), (2000, "30"), (3000, "-1"), (4000, "-2")]
    assert times("1 _ 2 _x2 3", step="30s") == [(0, "1"), (60_000, "2"), (150_000, "3")]
    assert times("1 stale 2!fault") == [(0, "1"), (1000, "None!no_data"), (2000, "2!fault")]
    assert times("5m: 1 2", start=7) == [(7, "1"), (300_007, "2")]


def test_the_end_is_the_step_after_the_last() -> None:
    assert parse("30s: 1 2 _")[1] == 90_000
    assert parse("1.25")[0][0].value == Decimal("1.25")


@pytest.mark.parametrize("wrong", ["abc", "1x", "x5", "95!bad", "1,5", "NaN", "1e3"])
def test_a_word_nobody_knows_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match="看不懂"):
        parse(f"1 {wrong} 2")
