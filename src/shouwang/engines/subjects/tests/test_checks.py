"""`shouwang check` finds what is wrong with kinds, quantities and lines, and passes what is shipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shouwang import boot
from shouwang.engines.subjects import checks


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "scene.yaml").write_text(
        "id: trial\ntitle: 试验\nuses: [subjects]\nindustries: [hazchem, rockets]\n", "utf8"
    )
    yield folder
    boot.forget()
    boot.boot()


def test_what_is_shipped_passes() -> None:
    assert checks.problems() == []


def test_mistakes_are_told_with_place_and_remedy(scene: Path) -> None:
    (scene / "kinds.yaml").write_text(
        "- {id: pit, title: 坑, under: [hole]}\n- {id: a, title: 甲, under: [b]}\n- {id: b, title: 乙, under: [a]}\n"
        "- {id: camera, title: 又一个, under: [enterprise]}\n"
        "- {id: c, title: 丙, under: [enterprise], facts: [{id: x, title: 甲}, {id: y, title: 甲}, "
        "{id: z, title: 选, type: choice}]}\n",
        "utf8",
    )
    (scene / "quantities.yaml").write_text(
        "- {id: q1, title: 量, unit: m, digits: 9, units: {m: {}, km: {factor: 0}}}\n"
        "- {id: q2, title: 量, unit: m, low: 5, high: 1}\n"
        "- {id: q3, title: 量, unit: m, digits: 4, high: 1000000}\n",
        "utf8",
    )
    boot.forget()
    boot.boot(scene)
    found = checks.problems()
    for words in (
        "under 写的 'hole'",
        "a: 沿 under",
        "b: 沿 under",
        "种类 camera 已在",
        "属性 甲 写了两次",
        "没有 options",
        "digits 应在",
        "不必再写自己的单位 m",
        "单位 km 的 factor",
        "low 应小于 high",
        "q3: high 在分辨率",
        "industries 里的 'rockets'",
    ):
        assert any(words in f for f in found), words
    assert all("trial" in f for f in found)
