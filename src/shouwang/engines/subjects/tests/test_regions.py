"""Regions: the shipped table, its geometry, and what a city adds below."""

import pytest
from shapely.geometry import Point as Place

from shouwang.engines.subjects import regions, shapes
from shouwang.engines.subjects.models import Region
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Event


@pytest.fixture
def loaded(db: None) -> None:
    regions.load_all()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("370000", "37"),
        ("370800", "3708"),
        ("370829", "370829"),
        ("370829000000", "370829"),
        ("370829001000", "370829001"),
        ("370829100", "370829100"),
        ("441900", "4419"),
        ("3708", "3708"),
        ("37", "37"),
        (" 370829 ", "370829"),
        ("", ""),
    ],
)
def test_codes_in_any_spelling(given: str, kept: str) -> None:
    assert regions.normalise(given) == kept


def test_table_is_well_formed() -> None:
    rows = regions.listed()
    codes = {r["code"]: r for r in rows}
    assert len(codes) == len(rows) == 3350
    assert {r["tier"] for r in rows} == {"province", "city", "county"}
    tiers = {2: "province", 4: "city", 6: "county"}
    for r in rows:
        assert r["tier"] == tiers[len(r["code"])]
        assert regions.normalise(r["code"]) == r["code"]
        assert r["tier"] == "province" or regions.above(r["code"]) in codes
        assert r["name"] == r["name"].strip() != ""


def test_load_twice_changes_nothing(loaded: None) -> None:
    assert Region.objects.count() == 3350
    assert regions.load_all() == 0
    assert Region.objects.filter(parent=None).exclude(tier="province").count() == 0


def test_a_renamed_region_follows_the_table(loaded: None) -> None:
    Region.objects.filter(code="370829").update(name="旧名县")
    regions.load_all()
    assert regions.name_of("370829") == "嘉祥县"


@pytest.mark.parametrize(("code", "names"), [
    ("370829", ["山东省", "济宁市", "嘉祥县"]), ("110101", ["北京市", "东城区"]), ("441900", ["广东省", "东莞市"]),
    ("429004", ["湖北省", "仙桃市"]), ("540481", ["西藏自治区", "林芝市", "米林市"]), ("37", ["山东省"])])
def test_path_names(loaded: None, code: str, names: list[str]) -> None:
    assert regions.path_names(code) == names


def test_points_lie_inside(loaded: None) -> None:
    for code in ("37", "3708", "370829", "441900", "110101", "540481", "620200", "429004"):
        region = regions.one(code)
        assert region.lon is not None
        outline = shapes.outline(code)
        assert outline is not None
        assert outline.contains(Place(region.lon, region.lat))
    assert 116.2 < (regions.one("370829").lon or 0) < 116.6


def test_only_units_without_an_outline_have_no_point(loaded: None) -> None:
    bare = Region.objects.filter(lon=None)
    assert all(r.tier != "province" for r in bare)
    assert regions.one("370871").lon is None  # a development zone of the statistical code
    assert shapes.outline("370871") is None


def test_parts_in_order(loaded: None) -> None:
    assert [r.name for r in regions.parts("370800")][:3] == ["任城区", "兖州区", "微山县"]
    assert len(regions.parts("")) == 34
    assert regions.parts("4419") == []
    assert [r.code for r in regions.counties("4419")] == ["4419"]


def test_names_for_no_and_unknown_codes(loaded: None) -> None:
    assert regions.name_of("") == "全国"
    assert regions.name_of("999999") == "999999"


def test_towns_and_grids_take_the_next_free_code(loaded: None) -> None:
    first = regions.add("370829", "样例一街道", actor="city")
    second = regions.add("370829000000", "样例二街道", actor="city")
    grid = regions.add(first.code, "第一网格", actor="city")
    assert (first.code, second.code, grid.code) == ("370829001", "370829002", "370829001001")
    assert (first.tier, grid.tier) == ("town", "grid")
    assert Event.objects.filter(type="subjects.region_added").count() == 3
    assert regions.path_names(grid.code) == ["山东省", "济宁市", "嘉祥县", "样例一街道", "第一网格"]


@pytest.mark.parametrize(
    ("parent", "name"), [("3708", "甲镇"), ("370829", ""), ("999999", "甲镇"), ("370829", "字" * 61)]
)
def test_nothing_is_added_in_the_wrong_place(loaded: None, parent: str, name: str) -> None:
    with pytest.raises(BadInput):
        regions.add(parent, name, actor="city")


def test_a_name_twice_is_refused(loaded: None) -> None:
    regions.add("370829", "样例一街道", actor="city")
    with pytest.raises(BadInput, match="已经有"):
        regions.add("370829", "样例一街道", actor="city")


@pytest.mark.parametrize(("lon", "lat", "inside"), [(116.34, 35.41, True), (121.47, 31.23, False)])
def test_contains(lon: float, lat: float, inside: bool) -> None:
    assert shapes.contains("370829", lon, lat) is inside
    assert shapes.contains("370871", lon, lat) is None
