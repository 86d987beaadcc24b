"""Importing points: units, limits, ranges, subjects, addresses; export and import agree."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shouwang.engines.subjects import export_rows, import_rows, sheets
from shouwang.engines.subjects.import_report import Refused, Report
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel.models import Account, Event

from .conftest import Cast, enterprise

HEAD = [
    "位号",
    "名称",
    "所属种类",
    "所属编码",
    "物理量",
    "单位",
    "小数位",
    "量程下限",
    "量程上限",
    "低低报LL",
    "低报L",
    "高报H",
    "高高报HH",
    "死区",
    "报警延时(秒)",
    "恢复延时(秒)",
    "附加属性",
    "负责人",
    "启用",
    "接入源",
    "设备",
    "数据键",
]
GOOD: dict[str, object] = {
    "位号": "TI-1",
    "名称": "温度",
    "所属种类": "储罐",
    "所属编码": "V101",
    "物理量": "温度",
    "单位": "℃",
    "小数位": "",
    "量程下限": -20,
    "量程上限": 80,
    "高报H": 45,
    "高高报HH": 50,
    "死区": 1,
    "报警延时(秒)": 3,
    "恢复延时(秒)": 10,
    "启用": "是",
}


def csv(*rows: dict[str, object]) -> bytes:
    return sheets.write(HEAD, [[r.get(h, "") for h in HEAD] for r in rows], "csv")


def dry(account: Account, *rows: dict[str, object]) -> Report:
    return import_rows.dry_run("point", csv(*rows), "点.csv", account)


def commit(account: Account, *rows: dict[str, object]) -> Report:
    return import_rows.commit("point", csv(*rows), "点.csv", account)


@pytest.fixture
def gateway(cast: Cast) -> Source:
    return Source.objects.create(name="gw-1", token_hash="a" * 64, enterprise=cast.jia)


def test_a_point_with_its_limits(cast: Cast) -> None:
    assert commit(cast.jiaxiang, GOOD).create == 1
    p = Point.objects.get(code="TI-1")
    assert (p.subject_id, p.quantity, p.unit, p.digits, p.l, p.h, p.hh) == (
        cast.tank.pk,
        "temperature",
        "℃",
        1,
        None,
        45,
        50,
    )
    assert (p.deadband, p.on_delay_s, p.off_delay_s, p.enabled, p.facts) == (1, 3, 10, True, {})


def test_a_convertible_unit_is_converted_with_a_note(cast: Cast) -> None:
    row = {
        **GOOD,
        "物理量": "pressure",
        "单位": "kPa",
        "量程下限": 0,
        "量程上限": 2500,
        "高报H": 1593,
        "高高报HH": 1770,
        "死区": 25,
    }
    report = commit(cast.city, row)
    p = Point.objects.get(code="TI-1")
    assert (p.unit, p.range_high, p.h, p.hh, p.deadband) == (
        "MPa",
        Decimal("2.5"),
        Decimal("1.593"),
        Decimal("1.77"),
        Decimal("0.025"),
    )
    assert [(n.row, n.column, n.reason) for n in report.notes] == [(2, "单位", "已由 kPa 换算为 MPa")]


def test_kelvin_moves_limits_but_not_the_deadband(cast: Cast) -> None:
    commit(
        cast.city,
        {
            **GOOD,
            "单位": "K",
            "量程下限": "253.15",
            "量程上限": "353.15",
            "高报H": "318.15",
            "高高报HH": "323.15",
            "死区": "1",
        },
    )
    p = Point.objects.get(code="TI-1")
    assert (p.range_low, p.range_high, p.h, p.hh, p.deadband) == (-20, 80, 45, 50, 1)


WRONG: list[tuple[dict[str, object], str, str]] = [
    ({"位号": ""}, "位号", "必须填写"),
    ({"所属编码": "V999"}, "所属编码", "没有编码"),
    ({"所属种类": "罐组"}, "所属编码", "没有编码"),
    ({"物理量": "香味"}, "物理量", "没有 '香味'"),
    ({"单位": "ppm"}, "单位", "没有单位"),
    ({"单位": "kelvin"}, "单位", "没有单位"),
    ({"高报H": 50, "高高报HH": 45}, "高高报HH", "应大于 高报H"),
    ({"高报H": 50, "高高报HH": 50}, "高高报HH", "应大于"),
    ({"低报L": 46}, "高报H", "应大于 低报L"),
    ({"低低报LL": 10, "低报L": 5}, "低报L", "应大于 低低报LL"),
    ({"高高报HH": 81}, "高高报HH", "不在量程"),
    ({"量程下限": 80, "量程上限": -20}, "量程上限", "应大于量程下限"),
    ({"高报H": "四十五"}, "高报H", "应是数字"),
    ({"高报H": "45.05"}, "高报H", "小数位多于分辨率"),
    ({"高报H": "45.00001"}, "高报H", "小数超过 4 位"),
    ({"高报H": "inf"}, "高报H", "超出可存范围"),
    ({"死区": -1}, "死区", "不能为负"),
    ({"低报L": 40, "死区": 5}, "死区", "无法恢复"),
    ({"报警延时(秒)": -1}, "报警延时(秒)", "不在 0–86400"),
    ({"报警延时(秒)": "0.05"}, "报警延时(秒)", "小数超过 1 位"),
    ({"小数位": 7}, "小数位", "不在 0–4"),
    ({"附加属性": "T1"}, "附加属性", "写法不对"),
    ({"启用": "也许"}, "启用", "应填 是 或 否"),
]


@pytest.mark.parametrize(("change", "column", "reason"), WRONG, ids=[f"{n}-{w[1]}" for n, w in enumerate(WRONG)])
def test_each_wrong_cell_is_named(cast: Cast, change: dict[str, object], column: str, reason: str) -> None:
    report = dry(cast.city, {**GOOD, "位号": "OK-1"}, {**GOOD, **change})
    assert [(p.row, p.column) for p in report.problems] == [(3, column)]
    assert reason in report.problems[0].reason


def test_spreadsheet_noise_is_not_a_decimal(cast: Cast) -> None:
    assert dry(cast.city, {**GOOD, "高报H": "45.00000000000001", "高高报HH": 0.1 + 0.2 + 49.7}).ok


def test_reach(cast: Cast) -> None:
    yi_tank = Subject.objects.create(
        kind="tank", code="Y101", name="乙罐", parent=cast.yi, top=cast.yi, region="370830", line="hazchem"
    )
    assert not dry(cast.jiaxiang, {**GOOD, "所属编码": "Y101"}).ok
    Point.objects.create(subject=yi_tank, code="TI-1", name="乙的", quantity="temperature", unit="℃")
    assert not dry(cast.jiaxiang, GOOD).ok  # would take over 乙厂's point
    assert not dry(cast.coal, GOOD).ok


def test_update_records_old_and_new_limits(cast: Cast) -> None:
    file = {
        **GOOD,
        "位号": "V101-LI",
        "名称": "V101 液位",
        "物理量": "液位",
        "单位": "%",
        "量程下限": 0,
        "量程上限": 100,
        "低低报LL": 10,
        "低报L": 15,
        "高报H": 80,
        "高高报HH": 90,
    }
    report = commit(cast.city, file)
    assert (report.create, report.update) == (0, 1)
    event = Event.objects.get(type="subjects.imported")
    assert event.data["limits"]["V101-LI"]["was"]["h"] == "85"
    assert event.data["limits"]["V101-LI"]["now"]["h"] == "80"


def test_addresses_are_written_moved_and_taken_away(cast: Cast, gateway: Source) -> None:
    one = {**GOOD, "接入源": "gw-1", "设备": "V101", "数据键": "temperature"}
    two = {**GOOD, "位号": "TI-2", "接入源": "gw-1", "设备": "V101", "数据键": "t2"}
    assert commit(cast.city, one, two).create == 2
    swapped = commit(cast.city, {**one, "数据键": "t2"}, {**two, "数据键": "temperature"})
    assert (swapped.update, swapped.same) == (2, 0)
    assert dict(Channel.objects.values_list("point__code", "key")) == {"TI-1": "t2", "TI-2": "temperature"}
    commit(cast.city, {**one, "接入源": "", "设备": "", "数据键": ""})
    assert dict(Channel.objects.values_list("point__code", "key")) == {"TI-2": "temperature"}
    assert commit(cast.city, {**one, "接入源": "", "设备": "", "数据键": ""}).same == 1


def test_wrong_addresses_name_the_remedy(cast: Cast, gateway: Source) -> None:
    other = enterprise("DING", "丁厂", "370830")
    Source.objects.create(name="gw-9", token_hash="b" * 64, enterprise=other)
    Channel.objects.create(point=cast.level, source=gateway, device="V101", key="level")
    report = dry(cast.jiaxiang, {**GOOD, "位号": "A", "接入源": "gw-404", "设备": "d", "数据键": "k"},
                 {**GOOD, "位号": "B", "接入源": "gw-1", "设备": "", "数据键": "k"},
                 {**GOOD, "位号": "C", "接入源": "gw-1", "设备": "V101", "数据键": "level"},
                 {**GOOD, "位号": "D", "接入源": "gw-9", "设备": "d", "数据键": "k"},
                 {**GOOD, "位号": "E", "接入源": "gw-1", "设备": "d", "数据键": "k"},
                 {**GOOD, "位号": "F", "接入源": "gw-1", "设备": "d", "数据键": "k"})
    assert [p.row for p in report.problems] == [2, 3, 4, 5, 7]
    assert "登记网关" in report.problems[0].remedy
    assert "V101-LI" in report.problems[2].reason
    with pytest.raises(Refused):
        commit(cast.jiaxiang, {**GOOD, "接入源": "gw-404", "设备": "d", "数据键": "k"})
    assert not Point.objects.filter(code="TI-1").exists()


@pytest.mark.parametrize("format", ["xlsx", "csv"])
def test_an_export_imports_again_as_it_is(cast: Cast, gateway: Source, format: str) -> None:
    commit(
        cast.city,
        {
            **GOOD,
            "接入源": "gw-1",
            "设备": "V101",
            "数据键": "temperature",
            "附加属性": "place=T1;loop=3",
            "负责人": "=仪表班",
        },
    )
    file = export_rows.export("point", Point.objects.all(), format)
    report = import_rows.dry_run("point", file, f"a.{format}", cast.city)
    assert report.problems == []
    assert (report.rows, report.same) == (2, 2)
    for kind in ("enterprise", "tank"):
        again = import_rows.dry_run(
            kind, export_rows.export(kind, Subject.objects.all(), format), f"a.{format}", cast.city
        )
        assert (again.problems, again.same) == ([], Subject.objects.filter(kind=kind).count())


def test_queries_do_not_grow_with_the_rows(cast: Cast, gateway: Source) -> None:
    def queries(n: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert dry(
                cast.city,
                *[{**GOOD, "位号": f"P{n}-{k}", "接入源": "gw-1", "设备": "V101", "数据键": f"k{k}"} for k in range(n)],
            ).ok
        return len(seen)

    queries(1)
    assert queries(50) == queries(2)
