"""Every public vector decodes to exactly what it must."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers.jt808.decode import decode
from shouwang.drivers.rows import Malformed

REPO = Path(__file__).parents[5]
FILE = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "jt808.dev.json"


def vectors() -> list[dict[str, Any]]:
    """The vectors, kept outside the project; one that says so when absent."""
    if not FILE.exists():
        return [{"id": f"没有 {FILE}:用 SHOUWANG_SHARED 指明它的位置", "absent": True}]
    return list(json.loads(FILE.read_text())["vectors"])


@pytest.mark.parametrize("item", vectors(), ids=lambda item: str(item["id"]))
def test_a_vector_decodes_to_what_it_must(item: dict[str, Any]) -> None:
    if item.get("absent"):
        pytest.skip(item["id"])
    asked = {k: v for k, v in item.items() if k not in ("decode", "unescaped", "file_name", "file_bytes_ascii")}
    if item["kind"] == "escape":
        assert decode(asked) == {"unescaped": item["unescaped"]}
    elif item["kind"] == "session":
        assert decode(asked) == {k: item[k] for k in ("file_name", "file_bytes_ascii")}
    elif "decode" in item:
        assert decode(asked) == item["decode"]
    elif item["kind"].startswith("body:"):
        assert set(decode(asked)) <= {"body", "decode_error"}
    else:
        with_flags = item["hex"].upper().startswith("7E")
        assert _told(asked) is with_flags


def _told(item: dict[str, Any]) -> bool:
    try:
        return bool(decode(item))
    except Malformed:
        return False
