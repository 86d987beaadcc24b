"""The truth table: no alert missed, false, doubled, cleared early or told otherwise, whatever happens to the data."""

import pytest

from . import truth


@pytest.mark.parametrize("name", truth.CASES)
def test_bad_data_tells_the_truth(name: str) -> None:
    row = truth.judge(name)
    assert row.expected > 100
    assert row.wrong == 0, row
    assert row.refused == 0
