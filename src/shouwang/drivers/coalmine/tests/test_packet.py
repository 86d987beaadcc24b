"""Files of every type and dialect, whole, partly wrong and broken."""

import contextlib
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.coalmine import dialect, words
from shouwang.drivers.coalmine import simulate as sim
from shouwang.drivers.coalmine.decode import INCOMPLETE, decode
from shouwang.drivers.coalmine.packet import File, complete, parse, read_name
from shouwang.drivers.coalmine.readings import quality_of, rows
from shouwang.drivers.configured import decoder
from shouwang.drivers.rows import Malformed
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

T = datetime(2026, 9, 23, 10, 13, 19, tzinfo=clock.LOCAL)
AT = sim.spelled(T)
POINT, STATION = sim.point(12), f"{sim.MINE}0008000012"
WHOLE = sim.cdss(T, [("0.35", 0), ("1.12", 1)])


def item(kind: str, *records: str, head: tuple[str, ...] = (sim.MINE, sim.NAME), t: datetime = T) -> dict[str, Any]:
    """A file of some records as the vectors have it."""
    name = f"{head[0]}_{kind}_{T:%Y%m%d%H%M%S}.txt"
    return {"file": name, "text": sim.text(head, [r.split(";") for r in records], t)}


def read(kind: str, *records: str) -> File:
    """The same, parsed."""
    one = item(kind, *records)
    name = read_name(one["file"], dialect.NATIONAL)
    assert name
    return parse(one["text"].encode(), name, dialect.NATIONAL)


@pytest.mark.parametrize(("kind", "record", "told"), [
    ("CDDY", f"{POINT};01;{sim.MINE}01001;0012;MN;%;25.00;0.00;;;18.00;18.50;;;;;;;1301T;1;2;3;;{AT}",
     {"fields": 24, "sensor": "氧气", "alarm_low": 18.0, "unit": "%"}),
    ("CDDY", f"{POINT};01;{sim.MINE}01001;1001;KG;;;;;;;;;;;;开;停;1301;;;;D-A1-局扇-1:K-B2◇Z-C3-备机:Z-D4;{AT}",
     {"fields": 24, "sensor": "局部通风机", "unit": "", "on_text": "开", "off_text": "停", "relations": [
         {"relation": "断电", "point": "A1", "name": "局扇-1"}, {"relation": "控制", "point": "B2", "name": ""},
         {"relation": "主备", "point": "C3", "name": "备机"}, {"relation": "主备", "point": "D4", "name": ""}]}),
    ("YCBJ", f"{POINT};环境瓦斯;T1;%CH4;002;{AT};2026-09-23 10:20:00;1.6;{AT};1.5;{AT};1.55;检修;已停电;{AT};张三;{AT}",
     {"type": "002 断电报警", "start": AT, "end": "2026-09-23 10:20:00", "max": 1.6, "open": False, "reason": "检修",
      "measure": "已停电", "entered_at": AT, "entered_by": "张三"}),
    ("FZDY", f"{sim.MINE}01001;井底车场;1.5;-2;3",
     {"substation": f"{sim.MINE}01001", "location": "井底车场", "x": 1.5, "y": -2.0, "z": 3.0}),
    ("FZSS", f"{sim.MINE}01001;0;9;{AT}", {"run": "0 通信正常", "power": "9 未知"}),
    ("RYCS", f"{sim.MINE}90001;甲;{AT};{AT};;{sim.MINE}0008;{AT};{STATION};{AT}",
     {"card": f"{sim.MINE}90001", "name": "甲", "in_time": AT, "area": f"{sim.MINE}0008", "area_in_time": AT,
      "station": STATION, "station_in_time": AT, "start": AT, "end": None, "open": True}),
    ("RYCY", f"区域超员;50;61;{sim.MINE}0008;{AT};;a&b",
     {"type": "区域超员", "area": f"{sim.MINE}0008", "quota": 50, "people": 61, "cards": ["a", "b"], "start": AT,
      "end": None, "open": True}),
])
def test_types_the_vectors_do_not_have(kind: str, record: str, told: dict[str, Any]) -> None:
    head = (sim.MINE, sim.NAME, "KJ95X", "系统", "厂家", "2030-01-01") if kind == "CDDY" else (sim.MINE, sim.NAME)
    assert decode(item(kind, record, head=head)) == told


def test_a_snapshot_tells_sos_and_pithead_where_there_are_any() -> None:
    people = [sim.person(1, 0, 1, T), sim.person(2, 1, 1, T, "求救"), sim.person(2, 2, 1, T),
              sim.person(3, 1, 1, T, "求救")]
    told = decode({"file": f"{sim.MINE}_RYSS_20260923101319.txt", "text": sim.ryss(T, people)})
    assert told == {"status": "DONE", "records": 3, "in_well": 1, "out": 1, "header_time": AT, "pithead": 1, "sos": 1,
                    "duplicates": 1}


def test_a_night_shift_is_on_both_days() -> None:
    night = T.replace(day=24, hour=0, minute=5)
    text = sim.ryss(night, [sim.person(1, 1, 1, T.replace(hour=22))])
    assert decode({"file": f"{sim.MINE}_RYSS_20260924000519.txt", "text": text})["days"] == ["2026-09-23", "2026-09-24"]


def test_a_header_is_measured_by_the_moment_it_came() -> None:
    with pytest.raises(Malformed, match="晚超过 5 分钟"):
        decode(item("RYSS") | {"now": "2026-09-23 10:08:00"})
    assert decode(item("RYSS") | {"now": "2026-09-23 10:08:19"})["status"] == "DONE"


def test_bad_records_by_share() -> None:
    people = [sim.person(n, 1, 1, T) for n in range(1, 6)]
    name = f"{sim.MINE}_RYSS_20260923101319.txt"
    one = decode({"file": name, "text": sim.ryss(T, [*people[:4], people[4][:3]])})
    assert one == {"status": "PARTIAL", "ok": 4, "errors": 1}  # a fifth is not more than a fifth
    two = decode({"file": name, "text": sim.ryss(T, [*people[:3], people[3][:3], people[4][:3]])})
    assert two == {"status": "FAILED", "ok": 0, "errors": 2}


def test_files_one_after_the_other() -> None:
    first, late = item("RYSS"), item("RYSS", t=T.replace(minute=8))
    assert decode({"files": [first, late, first, item("XXXX", "a"), {"file": "x", "text": "y"}]}) == [
        "DONE", "STALE", "DUPLICATE", "UNKNOWN", "FAILED"]


@pytest.mark.parametrize(("old", "new", "named"), [
    (f"{sim.MINE};{sim.NAME}", f"610000000001;{sim.NAME}", "与文件名"),
    (f"{sim.MINE};{sim.NAME};{AT}", f"{sim.MINE};{AT}", "只有 2 段"),
    (f";{AT}~", ";2026-09-23T10:13:19~", "上传时间"),
    (f"{sim.NAME};{AT}~", f"{sim.NAME};2026-09-23 10:19:00~", "晚超过 5 分钟"),
    (f"{sim.NAME};{AT}~", f"{sim.NAME};2026-13-23 10:19:00~", "不是 yyyy"),
])
def test_a_whole_file_is_refused(old: str, new: str, named: str) -> None:
    text = WHOLE.replace(old, new, 1)
    assert text != WHOLE
    with pytest.raises(Malformed, match=named):
        decode({"file": f"{sim.MINE}_CDSS_20260923101319.txt", "text": text})


@pytest.mark.parametrize(("record", "why"), [
    (f"{POINT};瓦斯；T1;0.3;%CH4;0;{AT}", "全角"),
    (f"{POINT};瓦斯;T1;0.3;%CH4;0", "字段数 6,应为 7"),
    (f";瓦斯;T1;0.3;%CH4;0;{AT}", "为空"),
    (f"{POINT[:-1]};瓦斯;T1;0.3;%CH4;0;{AT}", "测点编码应为 28 位"),
    (f"{POINT};瓦斯;T1;0.3;%CH4;x;{AT}", "状态"),
    (f"{POINT};瓦斯;T1;0.3;%CH4;0;2026-02-30 00:00:00", "不是时间"),
])
def test_a_bad_record_is_told_with_its_place(record: str, why: str) -> None:
    good = f"{POINT};瓦斯;T1;0.3;%CH4;0;{AT}"
    file = read("CDSS", good, record)
    assert len(file.records) == 1
    assert file.bad[0].line == 2
    assert why in file.bad[0].why


@pytest.mark.parametrize(("status", "quality"), [
    (0, "good"), (1, "good"), (3, "good"), (4, "calibration"), (5, "calibration"), (8, "over_range"),
    (12, "calibration"), (16, "fault"), (20, "fault"), (32, "no_data"), (64, "no_data"), (128, "fault"),
    (256, "uncertain"), (257, "uncertain"),
])
def test_what_a_status_makes_of_a_value(status: int, quality: str) -> None:
    assert quality_of(status) == quality


def test_words_of_unknown_bits() -> None:
    assert words.bits(1 | 256) == ["报警", "256"]


def test_a_switch_has_no_unit_and_a_unit_may_be_spelled_otherwise() -> None:
    switch, warm = POINT.replace("MN", "KG"), POINT
    file = read("CDSS", f"{switch};风门;T1;1;开/关;0;{AT}", f"{warm};温度;T1;21.5;°C;0;{AT}")
    assert [row.values for row in rows(file, {})] == [{switch: "1"},
                                                     {warm: {"value": "21.5", "quality": "good", "unit": "℃"}}]


def test_what_else_is_registered_is_handed_in_and_what_is_not_is_not() -> None:
    tjsj = read("TJSJ", f"{POINT};瓦斯;T1;%CH4;2026-09-23 10:10:00;{AT};0.41;{AT};0.33;{AT};;{AT}")
    assert rows(tjsj, {}) == []
    highest, mean = f"{POINT}:max", f"{POINT}:avg"
    assert rows(tjsj, {highest: 0, mean: 1})[0].values == {highest: "0.41", mean: None}
    ycbj = read("YCBJ", f"{POINT};瓦斯;T1;%CH4;001;2026-09-23 10:05:00;{AT};;;;;;;;;;{AT}")
    assert [list(row.values.values()) for row in rows(ycbj, {f"{POINT}:abnormal": 0})] == [[1], [0]]
    jzss = read("JZSS", f"{STATION};1;9;")
    assert rows(jzss, {STATION: 0, f"{STATION}:power": 1})[0].values == {STATION: 1, f"{STATION}:power": None}
    ryqj = read("RYQJ", f"{sim.MINE}90001;甲;{AT};;;;;;")
    assert rows(ryqj, {"sos_alarms": 0})[0].values == {"sos_alarms": 1}
    assert rows(read("RYQY", f"其它区域;{sim.MINE}0008;50;大巷"), {"underground": 0}) == []


def test_dialects() -> None:
    below = f"A0000000000000000001;甲;1;{AT};xxxx-xx-xx xx:xx:xx;Q1;{AT};Z1;{AT};;;正常;0;0;"
    up = f"A0000000000000000002;乙;2;{AT};{AT};Q1;{AT};Z1;{AT};;;正常;0;0;"
    neimenggu = {"file": "15062200449A_RYSS_20260923101319.txt", "text": f"15062200449A;{AT}~{below}~{up}~||"}
    assert decode(neimenggu) == {"status": "DONE", "records": 2, "in_well": 1, "out": 1, "header_time": AT}
    own = {"record": "\n|", "field": ",", "end": "END", "header": 2, "lengths": {"area": 4}}
    assert decode({"file": f"{sim.MINE}_RYQY_20260923101319.txt", "options": own,
                   "text": f"{sim.MINE},{AT}\n|限制区域,0008,,大巷\n|END"}) == {
                       "area": "0008", "type": "限制区域", "quota": None, "name": "大巷"}


@pytest.mark.parametrize(("options", "named"), [
    ({"dialect": "x"}, "dialect"), ({"record": ""}, "不能为空"), ({"header": 1}, "至少两段"),
    ({"letters": "x"}, "letters"),
])
def test_a_dialect_that_cannot_be_is_told(options: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        dialect.read(options)


def test_one_length_changes_and_the_others_stay() -> None:
    found = dialect.read({"lengths": {"card": 20}})
    assert (found.length("card"), found.length("point")) == (20, 28)


def test_the_protocols_other_names_are_known() -> None:
    assert decoder("coalmine-safety") is decoder("coalmine-positioning") is decode


@given(st.integers(0, len(WHOLE)))
def test_a_file_cut_anywhere_is_incomplete_and_never_half_taken(at: int) -> None:
    raw = WHOLE.encode()[:at]
    name = read_name(f"{sim.MINE}_CDSS_20260923101319.txt", dialect.NATIONAL)
    assert name
    assert complete(raw, dialect.NATIONAL) == (at >= len(WHOLE.encode()))
    if not complete(raw, dialect.NATIONAL):
        with pytest.raises(Malformed):
            parse(raw, name, dialect.NATIONAL)


@given(st.text(max_size=40), st.sampled_from([*dialect.NAMED]), st.sampled_from(["CDSS", "RYSS", "JZSS", "YCBJ"]))
def test_any_text_is_read_or_malformed(text: str, which: str, kind: str) -> None:
    one = dialect.NAMED[which]
    with contextlib.suppress(Malformed):
        decode({"file": f"{sim.MINE}_{one.prefix}{kind}_20260923101319.txt", "text": text + one.end})


@given(st.integers(0, len(WHOLE)), st.integers(0, 30), st.text(alphabet="0;~|x ；\n", max_size=8))
def test_a_changed_file_is_read_or_malformed_and_a_good_record_after_it_stands(at: int, cut: int, put: str) -> None:
    name = read_name(f"{sim.MINE}_CDSS_20260923101319.txt", dialect.NATIONAL)
    assert name
    with contextlib.suppress(Malformed):
        file = parse((WHOLE[:at] + put + WHOLE[at + cut:]).encode(), name, dialect.NATIONAL)
        rows(file, {})
    head, body = WHOLE.split("~", 1)
    body = body[:max(0, at - len(head))].rstrip("|") + put
    last = WHOLE.split("~")[-2]
    file = parse(f"{head}~{body}~{last}~||".encode(), name, dialect.NATIONAL)
    assert [r for r in file.records if r["code"] == sim.point(2)][-1]["value"] == "1.12"


@given(st.one_of(st.none(), st.integers(), st.text(max_size=30)), st.one_of(st.none(), st.text(max_size=5)))
def test_an_item_of_another_shape_is_malformed_or_waits(file: Any, text: Any) -> None:
    with contextlib.suppress(Malformed):
        assert decode({"file": file, "text": text}) == INCOMPLETE
