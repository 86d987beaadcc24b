"""The base map of any region, cut from the package and kept on disk."""

import json
from pathlib import Path
from typing import Any

import pytest
import shapely
from django.http import Http404
from pytest_django import Settings

from shouwang.surfaces.wall import base_map


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("map")


@pytest.fixture(autouse=True)
def _kept_here(folder: Path, settings: Settings) -> None:
    settings.DATA = folder


def drawn(code: str) -> dict[str, Any]:
    sheet: dict[str, Any] = json.loads(base_map.sheet(code).body)
    return sheet


def shape(feature: dict[str, Any]) -> Any:
    return shapely.from_geojson(json.dumps(feature["geometry"]))


@pytest.mark.parametrize(("code", "name", "parts", "one_part"), [
    ("3708", "济宁市", 11, "370829"), ("3302", "宁波市", 10, "330211"), ("4419", "东莞市", 1, "4419"),
    ("11", "北京市", 16, "110101"), ("65", "新疆维吾尔自治区", 26, "6501"), ("370829", "嘉祥县", 1, "370829"),
    ("659001", "石河子市", 1, "659001"), ("", "全国", 34, "37"),
])
def test_a_region_is_drawn_with_its_parts(code: str, name: str, parts: int, one_part: str) -> None:
    sheet = drawn(code)
    assert sheet["name"] == name
    assert len(sheet["parts"]) == parts
    assert one_part in {p["properties"]["code"] for p in sheet["parts"]}
    assert len(base_map.sheet(code).body) <= base_map.ROOM


@pytest.mark.parametrize("code", ["3708", "3302", "65"])
def test_every_label_stands_inside_its_part(code: str) -> None:
    for part in drawn(code)["parts"]:
        assert shape(part).buffer(0.001).contains(shapely.Point(part["properties"]["label"])), part["properties"]


def test_neighbours_keep_one_common_border() -> None:
    shapes = [shape(p) for p in drawn("3708")["parts"]]
    whole = shapely.union_all(shapes)
    overlap = sum(s.area for s in shapes) - whole.area
    assert abs(overlap) < whole.area * 1e-4


def test_the_places_around_are_outlined_but_not_the_region_itself() -> None:
    sheet = drawn("3708")
    around = {c["properties"]["code"] for c in sheet["context"]}
    assert "3709" in around, "泰安市 is next door"
    assert "3411" not in around or "3203" in around, "neighbours come from other provinces too"
    assert "3203" in around, "徐州市 lies in another province"
    assert "3708" not in around


def test_a_town_shows_the_map_of_its_county() -> None:
    assert base_map.sheet("370829001") == base_map.sheet("370829")


def test_the_national_map_keeps_the_boundary_lines_and_the_south_sea() -> None:
    sheet = drawn("")
    assert len(sheet["lines"]) >= 8
    assert sheet["bounds"][1] < 5
    assert drawn("46")["bounds"][1] < 5


def test_an_unknown_code_does_not_exist() -> None:
    with pytest.raises(Http404, match="9999"):
        base_map.sheet("9999")


def test_a_map_is_cut_once_and_read_from_disk_afterwards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = base_map.sheet("3302")
    base_map._kept.cache_clear()
    monkeypatch.setattr(base_map, "_draw", None)
    monkeypatch.setattr(base_map, "_split", None)
    assert base_map.sheet("3302") == first
    assert len(list(folder.glob("map/*/3302.json"))) == 1


def test_names_come_with_the_map() -> None:
    assert base_map.name_of("370829") == "嘉祥县"
    assert base_map.name_of("123456") == ""
    assert ("330281", "余姚市") in base_map.part_names("3302")
