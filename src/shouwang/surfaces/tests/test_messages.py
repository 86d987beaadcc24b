"""English is complete: every word on a screen and every declared title has it, with the same placeholders."""

import gettext
import re
from pathlib import Path

import pytest

from shouwang.boot import PACKAGE
from shouwang.kernel import content
from shouwang.surfaces.cli import messages

PO = messages.LOCALES / "en" / "LC_MESSAGES" / "django.po"
HOLES = re.compile(r"%\(\w+\)s|%s")


def test_every_word_of_the_screens_has_english() -> None:
    assert messages.missing() == {}


def test_the_extractor_sees_templates_python_and_word_tables() -> None:
    found = messages.msgids()
    assert found["跳到正文"].startswith("surfaces/console/templates/")
    assert found["今日"].startswith("surfaces/console/nav.py")
    assert "第 %(n)s / %(all)s 页,共 %(count)s 条" in found  # blocktranslate
    assert "超量程" in found  # looked up from a table, never a literal call


def test_english_fills_the_same_holes() -> None:
    wrong = [m.id for m in messages.catalog(PO) if m.id and isinstance(m.id, str)
             and sorted(HOLES.findall(m.id)) != sorted(HOLES.findall(str(m.string)))]
    assert wrong == []


def test_one_entry_per_word_and_no_chinese_in_english() -> None:
    ids = re.findall(r'^msgid "(.+)"$', PO.read_text("utf8"), re.M)
    assert len(ids) == len(set(ids))
    assert [m.id for m in messages.catalog(PO) if m.id and messages.CHINESE.search(str(m.string))] == []


def test_no_entry_outlives_its_word() -> None:
    left = {m.id for m in messages.catalog(PO) if m.id} - set(messages.msgids())
    assert left == set(), "这些条目已没有界面使用,请从 django.po 删去"


def test_no_chinese_stands_untranslated_in_a_template() -> None:
    for path in sorted(PACKAGE.glob("surfaces/**/*.html")):
        if path.name == "500.html":  # shown when nothing works, translation included
            continue
        text = re.sub(r"\{%\s*blocktranslate.*?endblocktranslate\s*%\}", "", path.read_text("utf8"), flags=re.S)
        text = re.sub(r"\{%.*?%\}|\{#.*?#\}|中文", "", text, flags=re.S)
        assert not messages.CHINESE.search(text), path


def test_a_title_without_english_is_told() -> None:
    bare = content.Spec(id="x", title="没有英文")
    assert list(messages._lacking(bare, "here")) == [("没有英文", "here")]


def test_what_is_compiled_is_what_stands_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "en" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_bytes(PO.read_bytes())
    monkeypatch.setattr(messages, "LOCALES", tmp_path)
    assert messages.compile_all() == ["en"]
    with (folder / "django.mo").open("rb") as f:
        assert gettext.GNUTranslations(f).gettext("跳到正文") == "Skip to content"


def test_patterns_are_titled_too() -> None:
    bare = [f"{file.name} {line}" for file in (PACKAGE / "patterns").glob("*.yaml")
            for line in _untitled(content.read_yaml(file))]
    assert bare == []


def _untitled(node: object) -> list[str]:
    if isinstance(node, list):
        return [t for below in node for t in _untitled(below)]
    if not isinstance(node, dict):
        return []
    own = [str(node["title"])] if "title" in node and not node.get("title_en") else []
    return own + [t for below in node.values() for t in _untitled(below)]
