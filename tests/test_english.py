"""English is complete: every word on a screen and every declared title has it, with the same placeholders."""

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


def test_a_broken_file_is_not_compiled(tmp_path: Path) -> None:
    (tmp_path / "django.po").write_text('msgid "一"\nmsgstr "one', "utf8")
    with pytest.raises(Exception, match="1|unterminated|string"):
        messages.catalog(tmp_path / "django.po")
