"""What a report says as readings: both dialects of active safety, tyres, inputs, driver's card."""

from typing import Any

import pytest

from shouwang.drivers.jt808 import fields, messages, readings, safety
from shouwang.drivers.jt808.decode import decode
from shouwang.drivers.jt808.readings import Report
from shouwang.drivers.jt808.simulate import item, location, registration

T = 1_760_000_000_000 // 1000 * 1000
# SmallChi/JT808 SuBiao and YueBiao tests (MIT); their alarms have types no standard has, so the type is set to 1
HEAD = "000000010000000200BA7F0E07E4F11C0028003C0000180715101010"
SU_DSM = HEAD + "652F000000010C01051201020304110007000000 0D0000000E1912111831000013" \
    "34343434343434191210183100030200"
YUE_DSM = HEAD + "6547000000010C01051201020304110007000000 0D0000000E1912111831000013" \
    "34343434343434" + "00" * 23 + "19121018310003020506"
YUE_BSD = HEAD + "6741000000010C021100070000000D0000000E1912111831000013" + "34343434343434" + "00" * 23 \
    + "19121018310003020506"


def report(wire: str) -> Report:
    return readings.of(messages.position(bytes.fromhex(wire)))


@pytest.mark.parametrize(("wire", "key", "ident"), [
    (SU_DSM, "dsm_fatigue", 16), (YUE_DSM, "dsm_fatigue", 40), (YUE_BSD, "bsd_left_rear", 40)])
def test_the_length_of_an_item_tells_its_dialect(wire: str, key: str, ident: int) -> None:
    (alarm,) = report(wire).alarms
    assert (alarm.key, alarm.attachments, len(alarm.ident)) == (key, 2, ident)
    assert alarm.flag == 0  # 12 is no flag: a moment


def test_the_guangdong_identity_has_thirty_bytes_of_terminal() -> None:
    raw = bytes.fromhex(YUE_DSM)[30:]
    assert safety.read_item(0x65, raw, safety.YUE)["ident"] == {
        "terminal_id": "4444444", "time": "2019-12-10 18:31:00", "seq": 3, "attach_count": 2, "reserved": 5}


def test_what_is_of_another_length_is_another_vendors() -> None:
    # traccar Jt808.040: 0x66 of 11 bytes and 0x67 of 8 are a battery and an ICCID of that vendor
    extras = item(0x66, bytes.fromhex("01fe000001031a5d1a8101")) + item(0x67, b"13123432") + item(0x64, bytes(32))
    told = readings.of(messages.position(location(T, extras=extras)))
    assert (told.alarms, told.faults) == ([], [])


@pytest.mark.parametrize("own", [safety.SU, safety.YUE])
def test_tyres_are_readings_and_their_alarms_keys(own: int) -> None:
    tyres = b"\x01\x00\x04" + b"\x02\x58\x00\x2d\x00\x50" + b"\x02\x00\x00" + b"\x03\x20\x00\x2e\x00\x51"
    place = b"\x3c" + bytes(10) + fields.bcd(T) + bytes(2)
    ident = b"SIM0001".ljust(own, b"\0") + fields.bcd(T) + b"\x01\x00" + (b"\0" if own == safety.SU else b"\0\0")
    told = readings.of(messages.position(location(
        T, extras=item(0x66, b"\0\0\0\x01\x01" + place + ident + b"\x02" + tyres))))
    assert [one.key for one in told.alarms] == ["tpms_pressure_low"]
    assert {k: v for k, v in told.values.items() if k.startswith("tyre")} == {
        "tyre_pressure_1": 600, "tyre_temp_1": 45, "tyre_battery_1": 80,
        "tyre_pressure_2": 800, "tyre_temp_2": 46, "tyre_battery_2": 81}


def test_harsh_driving_is_an_alarm() -> None:
    content = b"\0\0\0\x01\x00\x02" + bytes(6) + b"\x3c" + bytes(10) + fields.bcd(T) + bytes(2) + bytes(16)
    assert len(content) == 47
    (alarm,) = readings.of(messages.position(location(T, extras=item(0x70, content)))).alarms
    assert alarm.key == "harsh_braking"


def test_inputs_are_named_as_the_standard_names_them() -> None:
    extras = item(0x2B, bytes.fromhex("0001 00f2")) + item(0x06, b"\x80\x05") + item(0x25, b"\0\0\0\x08") \
        + item(0x14, b"\0\0\0\x02") + item(0x02, b"\x01\xd4")
    told = readings.of(messages.position(location(T, extras=extras)))
    row = readings.row("1", told, ["ad0", "ad1", "signal_left_turn", "signal_brake", "alarm_video_lost"], {}).values
    assert (row["ad0"], row["ad1"]) == (0xF2, 1)  # table 27: AD0 is bits 0 to 15
    assert (told.values["cabin_temp"], told.values["fuel"]) == (-5, "46.8")
    assert (row["signal_left_turn"], row["signal_brake"]) == (1, 0)
    assert (row["alarm_video_covered"], row["alarm_video_lost"]) == (1, 0)


def test_a_bit_nobody_wants_is_told_only_when_raised() -> None:
    told = readings.of(messages.position(location(T, alarm=1 << 29)))
    row = readings.row("1", told, {"alarm_fatigue"}, {})
    assert {k: v for k, v in row.values.items() if k.startswith("alarm")} == {"alarm_collision": 1, "alarm_fatigue": 0}


def test_of_several_alarms_of_one_kind_the_one_that_lasts_counts() -> None:
    told = readings.of(messages.position(location(T)))
    alarms = [readings.Safety("adas_headway", flag, b"", 0, 0x64) for flag in (2, 1, 0)]
    known: readings.Known = {}
    row = readings.row("1", told._replace(alarms=alarms), {}, known)
    assert row.values["adas_headway"] == 1
    assert known == {"adas_headway": (1, T)}


def test_a_late_report_of_a_blind_zone_does_not_end_what_came_after_it() -> None:
    told = readings.of(messages.position(location(T - 5000)))
    row = readings.row("1", told, {"adas_headway"}, {"adas_headway": (0, T)})
    assert "adas_headway" not in row.values


@pytest.mark.parametrize("t", [0, T, 1_582_934_400_000])
def test_times_are_of_china(t: int) -> None:
    if t:
        assert fields.moment(fields.clock(fields.bcd(t))) == t
    assert fields.clock(bytes.fromhex("241001235959")) == "2024-10-01 23:59:59"
    assert fields.moment("2024-10-01 23:59:59") == 1_727_798_399_000


@pytest.mark.parametrize("digits", ["000000000000", "3901040000", "241301000000", "24100123595a", "240230000000"])
def test_a_clock_that_is_none_is_told_as_it_is(digits: str) -> None:
    assert fields.clock(bytes.fromhex(digits)) == digits
    assert fields.moment(digits) is None


@pytest.mark.parametrize(("version", "layout"), [(None, 2013), (1, 2019)])
def test_a_registration_is_read_as_it_is_written(version: int | None, layout: int) -> None:
    told: dict[str, Any] = messages.register(registration("SIM0001", "苏A12345", version), version)
    assert told == {"province": 32, "city": 100, "maker": "SHOUW", "model": "simulator", "terminal_id": "SIM0001",
                    "plate_color": 2, "plate": "苏A12345", "layout": layout}


def test_bodies_the_vectors_do_not_name_can_be_asked_for() -> None:
    # go-jt808 P0x8300 and P0x9212, jt-framework 9208 (MIT)
    asked = {"8300": "ffb2e2cad4", "9212": "0D7777772E6A74743830382E636E000101000000000000 0400".replace(" ", "")}
    told = {k: decode({"kind": f"body:0x{k}", "hex": v})["body"] for k, v in asked.items()}
    assert told["8300"] == {"flags": 255, "text": "测试"}
    assert told["9212"]["again"] == [{"offset": 0, "length": 1024}]
