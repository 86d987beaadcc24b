"""Alerts as documents: what is read, what is refused and why; the public ones are kept outside the project."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.cap import simulate as sim
from shouwang.drivers.cap.decode import decode
from shouwang.drivers.cap.packet import parse
from shouwang.drivers.rows import Malformed

REPO = Path(__file__).parents[5]
FOLDER = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "cap.dev"
T = datetime(2026, 9, 23, 2, 0, tzinfo=UTC)
ALERT = sim.alert("a-1", T, ["330206"])
WRONG = {"canada_errors.cap": "references", "invalid.rss": "channel/title", "xee.atom": "DOCTYPE"}
HELD = {"amber.atom": 1, "australia.cap": 1, "bushfire_valid.edxlde": 7, "canada_signed.atom": 1, "earthquake.cap": 1,
        "empty_weather_index.atom": 0, "no_entries.atom": 0, "no_optional_fields.cap": 1, "ny_index.rss": 0,
        "weather.cap": 1}


def files() -> list[Path]:
    """The public documents; one path that is not there when they are absent."""
    return sorted(FOLDER.iterdir()) if FOLDER.is_dir() else [FOLDER]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_public_documents_are_read_or_refused_by_name(path: Path) -> None:
    if not path.is_file():
        pytest.skip(f"没有 {path}:用 SHOUWANG_SHARED 指明它的位置")
    if path.name in WRONG:
        with pytest.raises(Malformed, match=WRONG[path.name]):
            decode({"file": str(path)})
        return
    read = decode({"file": str(path)})
    assert len(read.get("alerts", [read])) == HELD[path.name]
    assert read == decode({"file": path.name, "text": path.read_text("utf8")})


def test_every_field_has_caps_own_name() -> None:
    read = decode({"text": ALERT})
    assert {k: v for k, v in read.items() if k != "info"} == {
        "version": "1.2", "identifier": "a-1", "sender": sim.SENDER, "sent": "2026-09-23T10:00:00+08:00",
        "status": "Actual", "msgType": "Alert", "scope": "Public"}
    assert read["info"] == [{
        "language": "zh-CN", "category": ["Met"], "event": "暴雨", "responseType": ["Monitor"], "urgency": "Expected",
        "severity": "Severe", "certainty": "Likely",
        "area": [{"areaDesc": "示例区", "geocode": [{"valueName": "GB/T 2260", "value": "330206"}]}]}]


def test_shapes_references_and_numbers() -> None:
    inside = ("<polygon>30,120 30,121 31,121 30,120</polygon><circle>30.5,120.5 2.5</circle>"
              "<altitude>100</altitude><ceiling>200.5</ceiling></area>")
    text = ALERT.replace("</area>", inside).replace("<info>", f"<references>{sim.SENDER},a-0,2026-09-22T10:00:00+08:00"
                                                    "</references><incidents>\"火灾 甲\" 乙</incidents><info>")
    read = decode({"text": text})
    assert read["references"] == [{"sender": sim.SENDER, "identifier": "a-0", "sent": "2026-09-22T10:00:00+08:00"}]
    assert read["incidents"] == ["火灾 甲", "乙"]
    area = read["info"][0]["area"][0]
    assert area["polygon"] == [[[30, 120], [30, 121], [31, 121], [30, 120]]]
    assert area["circle"] == [{"point": [30.5, 120.5], "radius": 2.5}]
    assert (area["altitude"], area["ceiling"]) == (100, 200.5)


def test_cap_1_0_needs_no_scope_and_no_category_and_joins_pairs() -> None:
    text = ALERT.replace("urn:oasis:names:tc:emergency:cap:1.2", "http://www.incident.com/cap/1.0")
    text = text.replace("<scope>Public</scope>", "").replace("<category>Met</category>", "")
    text = text.replace("<valueName>GB/T 2260</valueName><value>330206</value>", "GB/T 2260=330206")
    read = decode({"text": text})
    assert read["version"] == "1.0"
    assert read["info"][0]["area"][0]["geocode"] == [{"valueName": "GB/T 2260", "value": "330206"}]


@pytest.mark.parametrize(("old", "new", "named"), [
    ("<identifier>a-1</identifier>", "", "缺 identifier"),
    ("<scope>Public</scope>", "", "缺 scope"),
    ("<scope>Public</scope>", "<scope>Private</scope>", "缺 addresses"),
    ("<event>暴雨</event>", "", r"缺 info\[1\]/event"),
    ("<urgency>Expected</urgency>", "<urgency></urgency>", r"缺 info\[1\]/urgency"),
    ("<areaDesc>示例区</areaDesc>", "", r"缺 info\[1\]/area\[1\]/areaDesc"),
    ("<valueName>GB/T 2260</valueName>", "", r"缺 info\[1\]/area\[1\]/geocode\[1\]/valueName"),
    ("<urgency>Expected</urgency>", "<urgency>Foobar</urgency>", "Foobar"),
    ("<identifier>a-1</identifier>", "<identifier>a, 1</identifier>", "identifier 含有空白"),
    ("<sent>2026-09-23T10:00:00+08:00</sent>", "<sent>2026-09-23 10:00</sent>", "sent 不是带时区的时间"),
    ("</area>", "<polygon>30,120 30,121 31,121</polygon></area>", "polygon.*首尾相接"),
    ("</area>", "<polygon>30,120 30,121, 31,121 30,120</polygon></area>", "不是 纬度,经度"),
    ("</area>", "<circle>95,120 1</circle></area>", "坐标超出范围"),
    ("</area>", "<ceiling>1</ceiling></area>", "ceiling"),
    ("<info>", "<references/><info>", "references 为空"),
    ("<alert ", "<alarm ", "不是合法的 XML"),
    ("cap:1.2", "cap:9.9", "不是 CAP"),
])
def test_what_is_wrong_is_named(old: str, new: str, named: str) -> None:
    assert old in ALERT
    with pytest.raises(Malformed, match=named):
        decode({"text": ALERT.replace(old, new)})


@pytest.mark.parametrize("text", [
    '<!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + ALERT.replace("暴雨", "&x;"),
    '<!DOCTYPE alert [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + ALERT.replace("暴雨", "&b;"),
])
def test_entities_are_never_read(text: str, tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="DOCTYPE"):
        decode({"text": text})
    path = tmp_path / "wide.cap"
    path.write_bytes(('<?xml version="1.0" encoding="UTF-16"?>' + text).encode("utf-16"))
    with pytest.raises(Malformed, match="DOCTYPE"):
        decode({"file": str(path)})


def test_another_encoding_is_read_as_it_is_declared(tmp_path: Path) -> None:
    path = tmp_path / "gbk.cap"
    path.write_bytes(b'<?xml version="1.0" encoding="GBK"?>' + ALERT.encode("gbk"))
    assert decode({"file": str(path)})["info"][0]["event"] == "暴雨"


def test_one_bad_alert_in_a_distribution_hides_no_good_one() -> None:
    about = "".join(f"<{name}>{value}</{name}>" for name, value in (
        ("distributionID", "d"), ("senderID", "s"), ("dateTimeSent", "2026-09-23T10:00:00+08:00"),
        ("distributionStatus", "Actual"), ("distributionType", "Report"), ("combinedConfidentiality", "公开")))
    held = "".join(f"<contentObject><xmlContent><embeddedXMLContent>{one}</embeddedXMLContent></xmlContent>"
                   f"</contentObject>" for one in (ALERT, f'<alert xmlns="{sim.NS}"/>', ALERT.replace("a-1", "a-3")))
    text = f'<EDXLDistribution xmlns="urn:oasis:names:tc:emergency:EDXL:DE:1.0">{about}{held}</EDXLDistribution>'
    read = parse(text.encode())
    assert [alert["identifier"] for alert in read.alerts] == ["a-1", "a-3"]
    with pytest.raises(Malformed, match=r"第 2 条 alert.*identifier"):
        decode({"text": text})
    with pytest.raises(Malformed, match="缺 senderID"):
        decode({"text": text.replace("<senderID>s</senderID>", "")})


@pytest.mark.parametrize(("head", "entry", "named"), [
    ("<title>t</title><updated>u</updated>", "", "缺 id"),
    ("<id>i</id><title>t</title><updated>u</updated><foo/>", "", "不应有 foo"),
    ("<id>i</id><title>t</title><updated>u</updated>", "<id>1</id><title>t</title><updated>u</updated>", "link"),
    ("<id>i</id><title>t</title><updated>u</updated>", "<title>t</title><updated>u</updated>", r"entry\[1\]/id"),
])
def test_a_feed_lacks(head: str, entry: str, named: str) -> None:
    entry = f"<entry>{entry}</entry>" if entry else ""
    with pytest.raises(Malformed, match=named):
        decode({"text": f'<feed xmlns="http://www.w3.org/2005/Atom">{head}{entry}</feed>'})


def _tell(item: dict[str, Any]) -> None:
    with contextlib.suppress(Malformed):
        decode(item)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        parse(raw)


@given(st.integers(0, len(ALERT)), st.integers(0, 60), st.text(max_size=20))
def test_a_changed_alert_is_read_or_malformed(at: int, cut: int, put: str) -> None:
    _tell({"text": ALERT[:at] + put + ALERT[at + cut:]})


@given(st.one_of(st.none(), st.integers(), st.text(max_size=5)), st.one_of(st.none(), st.integers()))
def test_an_item_of_another_shape_is_malformed(file: Any, text: Any) -> None:
    with pytest.raises(Malformed):
        decode({"file": file, "text": text})
