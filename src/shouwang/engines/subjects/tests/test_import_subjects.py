"""Importing enterprises and what stands below them: every row checked, all written or none."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shouwang.engines.subjects import credit_code, import_rows, sheets
from shouwang.engines.subjects.import_report import Refused, Report
from shouwang.engines.subjects.models import Subject
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account, Event, Grant

from .conftest import JIA, YI, Cast

HEAD = ["统一社会信用代码", "名称", "区划代码", "行业线", "经度", "纬度", "状态", "地址", "从业人数"]
NEW = credit_code.make("91370829MA9000003")


def csv(*rows: list[object], head: list[str] = HEAD) -> bytes:
    return sheets.write(head, rows, "csv")


def dry(file: bytes, account: Account, kind: str = "enterprise") -> Report:
    return import_rows.dry_run(kind, file, "a.csv", account)


def first(report: Report) -> tuple[int, str, str]:
    return report.problems[0].row, report.problems[0].column, report.problems[0].reason


def test_dry_run_writes_nothing_and_commit_writes_all(cast: Cast) -> None:
    file = csv([NEW.lower(), "丙厂", "370829", "危险化学品", 116.4, 35.4, "运行", "某路1号", 80])
    before = Event.objects.count()
    report = dry(file, cast.city)
    assert (report.ok, report.create, report.update, report.same) == (True, 1, 0, 0)
    assert not Subject.objects.filter(code=NEW).exists()
    assert Event.objects.count() == before
    done = import_rows.commit("enterprise", file, "a.csv", cast.city, digest=report.digest)
    made = Subject.objects.get(code=NEW)
    assert done.committed
    assert (made.top_id, made.line, made.region, made.facts) == (
        made.pk,
        "hazchem",
        "370829",
        {"address": "某路1号", "staff": 80.0},
    )
    event = Event.objects.get(type="subjects.imported")
    assert (event.actor, event.data["rows"], event.data["digest"]) == ("city", 1, report.digest)


def test_the_same_file_again_changes_nothing(cast: Cast) -> None:
    file = csv([NEW, "丙厂", "370829", "hazchem", 116.4, 35.4, "", "某路1号", 80])
    import_rows.commit("enterprise", file, "a.csv", cast.city)
    changed = Subject.objects.get(code=NEW).changed_at
    report = import_rows.commit("enterprise", file, "a.csv", cast.city)
    assert (report.create, report.update, report.same) == (0, 0, 1)
    assert Subject.objects.get(code=NEW).changed_at == changed


def test_updates_keep_what_the_file_has_no_column_for(cast: Cast) -> None:
    Subject.objects.filter(pk=cast.jia.pk).update(
        facts={"address": "旧址", "staff": 5}, status="stopped", lon=116.4, lat=35.4
    )
    report = import_rows.commit(
        "enterprise",
        csv([JIA, "甲厂新名", "370829001", ""], head=["统一社会信用代码", "名称", "区划代码", "地址"]),
        "a.csv",
        cast.city,
    )
    jia = Subject.objects.get(pk=cast.jia.pk)
    assert report.update == 1
    assert (jia.name, jia.status, jia.lon, jia.line) == ("甲厂新名", "stopped", 116.4, "hazchem")
    assert jia.facts == {"staff": 5}  # the address column was there and empty


WRONG = [
    ([NEW[:17] + ("0" if NEW[17] != "0" else "1"), "丙厂", "370829"], "统一社会信用代码", "校验位"),
    (["", "丙厂", "370829"], "统一社会信用代码", "必须填写"),
    (["9.13708E+17", "丙厂", "370829"], "统一社会信用代码", "18 位"),
    ([NEW, "", "370829"], "名称", "必须填写"),
    ([NEW, "字" * 121, "370829"], "名称", "最多 120 字"),
    ([NEW, "#REF!", "370829"], "名称", "公式错误"),
    ([NEW, "丙厂", "999999"], "区划代码", "没有区划代码"),
    ([NEW, "丙厂", ""], "区划代码", "必须填写"),
    ([NEW, "丙厂", "370800"], "区划代码", "是省或市"),
    ([NEW, "丙厂", "370829", "火箭"], "行业线", "没有 '火箭'"),
    ([NEW, "丙厂", "370829", "", "35.4", "116.4"], "经度", "不在中国境内"),
    ([NEW, "丙厂", "370829", "", "116.4", ""], "经度", "要么都填"),
    ([NEW, "丙厂", "370829", "", "东经", "35"], "经度", "应是数字"),
    ([NEW, "丙厂", "370829", "", "", "", "飞行"], "状态", "没有 '飞行'"),
    ([NEW, "丙厂", "370829", "", "", "", "", "", "-3"], "从业人数", "不能小于"),
    ([NEW, "丙厂", "370829", "", "", "", "", "", "许多"], "从业人数", "应是数字"),
    ([NEW, "丙厂", "370829", "", "", "", "", "", "NaN"], "从业人数", "有限"),
]


@pytest.mark.parametrize(("row", "column", "reason"), WRONG, ids=[f"{n}-{w[1]}" for n, w in enumerate(WRONG)])
def test_each_wrong_cell_is_named(cast: Cast, row: list[str], column: str, reason: str) -> None:
    report = dry(csv(row), cast.city)
    assert not report.ok
    assert first(report)[:2] == (2, column)
    assert reason in report.problems[0].reason


def test_one_wrong_row_keeps_all_others_out(cast: Cast) -> None:
    file = csv([NEW, "丙厂", "370829"], [JIA, "改名", "370829001"], ["错", "丁厂", "370829"])
    with pytest.raises(Refused, match="没有写入任何内容") as refused:
        import_rows.commit("enterprise", file, "a.csv", cast.city)
    assert [p.row for p in refused.value.report.problems] == [4]
    assert not Subject.objects.filter(code=NEW).exists()
    assert Subject.objects.get(pk=cast.jia.pk).name == "甲厂"
    assert not Event.objects.filter(type="subjects.imported").exists()


def test_a_code_twice_in_a_file(cast: Cast) -> None:
    report = dry(csv([NEW, "丙厂", "370829"], [NEW.lower(), "丙厂", "370829"]), cast.city)
    assert first(report) == (3, "统一社会信用代码", "与第 2 行重复")


def test_rows_outside_the_reach_are_refused(cast: Cast) -> None:
    assert dry(csv([NEW, "丙厂", "370829", "hazchem"]), cast.jiaxiang).ok
    assert first(dry(csv([NEW, "丙厂", "370830", "hazchem"]), cast.jiaxiang))[1] == "区划代码"
    assert "登记在您辖区之外" in first(dry(csv([YI, "抢来", "370829", "hazchem"]), cast.jiaxiang))[2]
    assert not dry(csv([NEW, "丙厂", "370829", "hazchem"]), cast.coal).ok
    assert dry(csv([NEW, "丙厂", "370829", "煤矿"]), cast.coal).ok
    assert not dry(csv([JIA, "甲厂", "370829001", "hazchem"]), cast.manager).ok
    assert not dry(csv([NEW, "丙厂", "370829"]), cast.stranger).ok


def test_an_empty_file_is_not_ok(cast: Cast) -> None:
    with pytest.raises(Refused, match="没有数据行"):
        import_rows.commit("enterprise", csv(), "a.csv", cast.city)


def test_another_file_than_the_one_checked_is_refused(cast: Cast) -> None:
    report = dry(csv([NEW, "丙厂", "370829"]), cast.city)
    with pytest.raises(BadInput, match="不是同一个"):
        import_rows.commit("enterprise", csv([NEW, "丁厂", "370829"]), "a.csv", cast.city, digest=report.digest)


def test_unknown_kind(cast: Cast) -> None:
    with pytest.raises(BadInput, match="没有对象种类"):
        dry(csv(), cast.city, "spaceship")


def test_a_moved_enterprise_takes_its_parts_and_people_along(cast: Cast) -> None:
    import_rows.commit("enterprise", csv([JIA, "甲厂", "370830", "煤矿"]), "a.csv", cast.city)
    cast.tank.refresh_from_db()
    assert (cast.tank.region, cast.tank.line) == ("370830", "coal")
    assert Grant.objects.get(account=cast.manager).region == "370830"


TANK = ["编码", "名称", "上级种类", "上级编码", "介质", "容积(m³)", "类型"]


def test_parts_take_region_line_and_top_from_their_parent(cast: Cast) -> None:
    groups = csv(["TG1", "1号罐组", "企业", JIA.lower()], head=TANK[:4])
    assert import_rows.commit("tank_group", groups, "a.csv", cast.jiaxiang).create == 1
    tanks = csv(
        ["V201", "V201", "罐组", "TG1", "甲醇", 500, "常压储罐"],
        ["V202", "V202", "", "TG1", "甲醇", "", "atmospheric"],
        head=TANK,
    )
    import_rows.commit("tank", tanks, "a.csv", cast.jiaxiang)
    made = Subject.objects.get(code="V201")
    assert (made.top_id, made.region, made.line) == (cast.jia.pk, "370829001", "hazchem")
    assert made.facts == {"medium": "甲醇", "volume": 500.0, "design": "atmospheric"}
    assert Subject.objects.get(code="V202").facts["design"] == "atmospheric"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (["V9", "罐", "", "没有"], "上级编码"),
        (["V9", "罐", "", ""], "上级编码"),
        (["V9", "罐", "人员", JIA], "上级种类"),
        (["V9", "罐", "罐组", JIA], "上级编码"),
        (["V101", "改属", "企业", YI], "上级编码"),
        (["V9", "罐", "企业", JIA, "", "", "方的"], "类型"),
        (["V9", "罐", "企业", JIA, "", "大"], "容积(m³)"),
        (["V9\n9", "罐", "企业", JIA], "编码"),
    ],
)
def test_wrong_parts_are_named(cast: Cast, row: list[str], column: str) -> None:
    assert first(dry(csv(row, head=TANK), cast.city, "tank"))[:2] == (2 if "\n" not in row[0] else 3, column)


def test_a_code_of_two_kinds_asks_for_the_kind(cast: Cast) -> None:
    for kind in ("tank_group", "major_hazard"):
        Subject.objects.create(
            kind=kind, code="X1", name="x", parent=cast.jia, top=cast.jia, region="370829001", line="hazchem"
        )
    assert first(dry(csv(["V9", "罐", "", "X1"], head=TANK[:4]), cast.city, "tank"))[1] == "上级编码"
    assert dry(csv(["V9", "罐", "罐组", "X1"], head=TANK[:4]), cast.city, "tank").ok


def test_queries_do_not_grow_with_the_rows(cast: Cast) -> None:
    def queries(n: int) -> int:
        rows = [[credit_code.make(f"91370829MA8{n:02d}{k:04d}"), f"厂{k}", "370829", "hazchem"] for k in range(n)]
        with CaptureQueriesContext(connection, ) as seen:
            assert dry(csv(*rows), cast.city).create == n
        return len(seen)

    queries(1)
    assert queries(40) == queries(2)
