"""The public vectors, kept outside the project."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers.coalmine.decode import decode

REPO = Path(__file__).parents[5]
VECTORS = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors"


def items() -> list[dict[str, Any]]:
    """Of both files; one that says so when they are absent."""
    found = []
    for which in ("safety", "positioning"):
        path = VECTORS / f"coalmine-{which}.dev.json"
        if not path.exists():
            return [{"id": f"没有 {path}:用 SHOUWANG_SHARED 指明它的位置", "absent": True}]
        found += json.loads(path.read_text("utf8"))["vectors"]
    return found


@pytest.mark.parametrize("item", items(), ids=lambda item: item["id"])
def test_each_vector_is_told_exactly(item: dict[str, Any]) -> None:
    if "absent" in item:
        pytest.skip(item["id"])
    assert decode(item) == item["expect"]
