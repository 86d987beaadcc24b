"""The evidence file: whatever byte is changed, the verifier finds it and names the first broken record."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shouwang.engines.rules import chain

ALERT = {"id": 12, "rule": "trial.process_limit", "enterprise": {"name": "甲厂"}}
EXPORTED = {"at": "2026-06-01T00:00:00.000000+00:00", "by": "li", "system": "守望 Shouwang"}
KINDS = ("raised", "acknowledged", "upgraded", "cleared")
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DATA = st.dictionaries(st.text(max_size=5), PLAIN | st.lists(PLAIN, max_size=3), max_size=4)


def changes(n: int = 4) -> list[chain.Record]:
    lines = [{"alert": 12, "place": p, "kind": KINDS[(p - 1) % 4], "value": 95.5 + p} for p in range(1, n + 1)]
    return chain.linked(lines)


def sealed(lines: list[chain.Record] | None = None, events: list[chain.Record] | None = None) -> bytes:
    told = chain.linked([{"id": 7, "type": "flows.opened"}]) if events is None else events
    return chain.encode({"format": chain.FORMAT, "exported": EXPORTED, "alert": ALERT},
                        {"changes": changes() if lines is None else lines, "events": told})


def test_what_was_exported_holds_and_is_plain_json() -> None:
    found = chain.verify(sealed())
    assert (found.ok, found.alert, found.counts) == (True, 12, (4, 1))
    read = json.loads(sealed())
    assert [x["place"] for x in read["changes"]] == [1, 2, 3, 4]
    assert read["seal"] == found.seal


def test_an_alert_without_lines_can_be_exported_too() -> None:
    assert chain.verify(sealed([], [])).ok


def test_every_single_changed_byte_is_found() -> None:
    whole = sealed()
    for at in range(len(whole)):
        for flip in (1, 0x20, 0x80):
            broken = whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1:]
            assert not chain.verify(broken).ok, at


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_edit_is_found(drawn: Any) -> None:
    whole = sealed()
    a = drawn.draw(st.integers(0, len(whole)))
    b = drawn.draw(st.integers(a, min(len(whole), a + 200)))
    put = drawn.draw(st.binary(max_size=20))
    edited = whole[:a] + put + whole[b:]
    assert chain.verify(edited).ok == (edited == whole)


@settings(max_examples=200, deadline=None)
@given(st.lists(DATA, max_size=5))
def test_whatever_a_record_says_the_file_holds(data: list[dict[str, Any]]) -> None:
    lines = chain.linked({"alert": 12, "place": n, "data": d} for n, d in enumerate(data, 1))
    assert chain.verify(sealed(lines)).counts == (len(data), 1)


def broken_at(content: bytes) -> tuple[str, int]:
    found = chain.verify(content)
    assert not found.ok
    return found.part, found.place


def test_the_first_broken_record_is_named() -> None:
    whole = sealed()
    assert broken_at(whole.replace(b'"value":98.5', b'"value":88.5')) == ("changes", 3)
    assert broken_at(whole.replace(b'"kind":"cleared"', b'"kind":"retired"')) == ("changes", 4)
    assert broken_at(whole.replace(b"flows.opened", b"flows.closed")) == ("events", 1)
    assert broken_at(whole.replace("甲厂".encode(), "乙厂".encode())) == ("seal", 0)
    assert broken_at(whole[:-10]) == ("seal", 0)
    assert "第 3 条" in chain.verify(whole.replace(b'"value":98.5', b'"value":88.5')).told


def test_a_record_whose_hash_was_made_anew_breaks_the_next() -> None:
    lines = changes()
    lines[1]["value"] = 1.0
    lines[1]["hash"] = chain.digest(lines[1])
    assert broken_at(sealed(lines)) == ("changes", 3)


def test_a_record_taken_out_put_in_or_moved_is_found() -> None:
    lines = changes()
    assert broken_at(sealed(lines[:1] + lines[2:])) == ("changes", 2)
    assert broken_at(sealed([lines[0], lines[2], lines[1], lines[3]])) == ("changes", 2)
    assert broken_at(sealed([lines[0], *lines])) == ("changes", 2)


def test_what_is_no_evidence_is_said_to_be_none() -> None:
    for content in (b"", b"{}", b"\xff\xfe", b"[1]", b"{\n", "守望".encode()):
        assert not chain.verify(content).ok


def test_the_verifier_runs_where_there_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_bytes(sealed())
    run = ("import sys; sys.argv = ['shouwang', 'verify', 'e.json', '--json']\n"
           "from shouwang.surfaces.cli.main import run\n"
           "try: run()\n"
           "finally: assert 'django' not in sys.modules")
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("SHOUWANG", "DJANGO"))}
    done = subprocess.run([sys.executable, "-c", run], cwd=tmp_path, env=bare, capture_output=True, check=True)
    assert json.loads(done.stdout)["ok"] is True
    assert os.listdir(tmp_path) == ["e.json"]
