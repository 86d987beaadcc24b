"""Queries show what is within reach and nothing else."""

import pytest
from django.http import Http404

from shouwang.engines.subjects import read
from shouwang.engines.subjects.models import Subject
from shouwang.kernel.models import Account

from .conftest import Cast


def codes(account: Account, **wanted: object) -> set[str]:
    return {s.name for s in read.subjects(account, **wanted)}  # type: ignore[arg-type]


def test_reach(cast: Cast) -> None:
    assert codes(cast.city) == {"甲厂", "乙厂", "V101 储罐"}
    assert codes(cast.jiaxiang) == codes(cast.manager) == {"甲厂", "V101 储罐"}
    assert codes(cast.coal) == codes(cast.stranger) == set()
    assert [p.code for p in read.points(cast.manager)] == ["V101-LI"]
    assert list(read.points(cast.coal)) == []


def test_filters(cast: Cast) -> None:
    assert codes(cast.city, kind="enterprise", region="370829000000") == {"甲厂"}
    assert codes(cast.city, region="3708", search="乙") == {"乙厂"}
    assert codes(cast.city, line="coal") == set()
    assert codes(cast.city, search="v101") == {"V101 储罐"}
    assert codes(cast.city, top=cast.yi.pk) == {"乙厂"}
    assert [p.code for p in read.points(cast.city, quantity="level", kind="tank", region="370829")] == ["V101-LI"]
    assert not read.points(cast.city, quantity="pressure").exists()


def test_out_of_reach_is_404_like_unknown(cast: Cast) -> None:
    for account, pk in ((cast.jiaxiang, cast.yi.pk), (cast.city, 10**9), (cast.stranger, cast.jia.pk)):
        with pytest.raises(Http404):
            read.one(account, pk)
    with pytest.raises(Http404):
        read.point(cast.coal, cast.level.pk)
    assert read.point(cast.manager, cast.level.pk) == cast.level


def test_family_path_and_points(cast: Cast) -> None:
    group = Subject.objects.create(
        kind="tank_group", code="TG1", name="罐组", parent=cast.jia, top=cast.jia, region="370829001"
    )
    Subject.objects.filter(pk=cast.tank.pk).update(parent=group)
    tree = read.family(cast.jia)
    assert [(n["subject"].code, [(c["subject"].code, c["points"]) for c in n["parts"]]) for n in tree] == [
        ("TG1", [("V101", 1)])
    ]
    assert [s.code for s in read.path(Subject.objects.get(pk=cast.tank.pk))] == [cast.jia.code, "TG1", "V101"]
    assert list(read.points_of(cast.jia)) == list(read.points_of(cast.tank)) == [cast.level]


def test_search_and_counts(cast: Cast) -> None:
    assert [str(x) for x in read.search(cast.city, "V101")] == ["V101 储罐", "V101-LI V101 液位"]
    assert read.search(cast.city, " ") == []
    assert read.search(cast.stranger, "V101") == []
    assert read.counts(cast.city) == {"enterprise": 2, "tank": 1}


def test_facts_with_their_titles(cast: Cast) -> None:
    cast.tank.facts = {"medium": "甲醇", "volume": 500.0, "design": "pressure"}
    assert read.facts_of(cast.tank) == [("介质", "甲醇"), ("容积", "500 m³"), ("类型", "压力储罐")]
    assert read.facts_of(cast.tank, "en")[2] == ("Design", "Pressure")
