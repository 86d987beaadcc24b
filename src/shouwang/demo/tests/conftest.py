"""A small demo city, seeded once for the tests that only look at it."""

from pathlib import Path
from typing import Any

import pytest

from shouwang.demo import city


@pytest.fixture
def data(tmp_path: Path, settings: Any) -> Path:
    """A data folder of the test's own."""
    settings.DATA = tmp_path
    return tmp_path


@pytest.fixture
def small(db: None, data: Path) -> city.Seeded:
    """济宁 with 20 enterprises and 300 points."""
    return city.seed("370800", enterprises=20, points=300)
