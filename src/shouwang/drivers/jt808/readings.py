"""A location report as readings: physical values, alarm and status bits as 0/1, active-safety alarms as 1/0.

A raised alarm is always told. Clear alarms, states and counts are told where somebody wants them (`row`), so that
thirty clear alarms nobody registered are not thirty refusals.
"""

import struct
from collections.abc import Collection
from typing import Any, NamedTuple

from ..rows import Figure, Row
from . import safety
from .fields import moment
from .location import ALARMS

STATUS = {"acc": 0, "fixed": 1, "out_of_service": 4, "fuel_cut": 10, "circuit_cut": 11, "door_locked": 12,
          "door_1": 13, "door_2": 14, "door_3": 15, "door_4": 16, "door_5": 17}  # table 25
LOAD, FIXED, SOUTH, WEST, ENCRYPTED = 8, 1, 2, 3, 5
VIDEO = ("video_lost", "video_covered", "storage_fault", "video_fault", "overcrowded", "abnormal_driving",
         "recording_full")  # bits of item 0x14 (JT/T 1078-2016 table 14)
SIGNALS = ("low_beam", "high_beam", "right_turn", "left_turn", "brake", "reverse", "fog_light", "marker_light", "horn",
           "air_conditioning", "neutral", "retarder", "abs", "heater", "clutch")  # bits of item 0x25 (table 30)
RAISED = {"alarm": [f"alarm_{name}" for name in ALARMS], "video": [f"alarm_{name}" for name in VIDEO]}
BITS = {key: (word, bit) for word, keys in RAISED.items() for bit, key in enumerate(keys)} \
    | {f"status_{name}": ("status", bit) for name, bit in STATUS.items()} \
    | {f"signal_{name}": ("signal", bit) for bit, name in enumerate(SIGNALS)}  # key → word and bit of it
TENTHS = {"mileage_01km": "mileage", "fuel_01l": "fuel", "recorder_speed_01kmh": "recorder_speed"}
PLAIN = {"rssi": "rssi", "gnss_count": "gnss_count"}
CABIN = 0x06
STARTED, ENDED = 1, 2
_RANK = {STARTED: 0, 0: 1, ENDED: 2}  # of several alarms of one key the one that lasts counts


class Safety(NamedTuple):
    """One active-safety alarm of a report."""

    key: str  # e.g. adas_headway
    flag: int  # 0 a moment, 1 started, 2 ended
    ident: bytes  # as sent: 0x9208 sends it back
    attachments: int
    item: int


class Report(NamedTuple):
    """What one report says. `t` None: its clock was never set. `faults`: (reason, excerpt) of unreadable parts."""

    t: int | None
    values: dict[str, Any]
    words: dict[str, int]  # alarm, status, signal and video bits
    counts: dict[str, int]
    alarms: list[Safety]
    faults: list[tuple[str, str]]


def tenths(n: int) -> Figure:
    """A number of tenths, written exactly."""
    return Figure(f"{n // 10}.{n % 10}")


def of(told: dict[str, Any]) -> Report:
    """The readings of a location as `location.read` tells it."""
    words = {"alarm": told["alarm"], "status": told["status"]}
    counts = {"status_load": told["status"] >> LOAD & 3}
    report = Report(moment(told["time"]), _place(told), words, counts, [], [])
    for item in told["extras"]:
        _extra(item, report)
    return report


Known = dict[str, tuple[int, int]]  # key of an active-safety alarm → (flag, time) as last heard


def row(device: str, report: Report, wanted: Collection[str], known: Known) -> Row:
    """A row of values, of what is raised and what is wanted; `known` learns from it.

    An alarm that started stays 1 until its end is heard. One of a moment is 1 in its report and 0 in the next. One
    never heard of is not told: after a restart of ours it may well be open.
    """
    t = report.t or 0
    heard: dict[str, int] = {}
    for alarm in report.alarms:
        if alarm.key:
            heard[alarm.key] = min(heard.get(alarm.key, ENDED), alarm.flag, key=_RANK.__getitem__)
    over = [key for key, (flag, at) in known.items()
            if flag != STARTED and key not in heard and at < t and key in wanted]
    known.update({key: (flag, t) for key, flag in heard.items() if known.get(key, (0, 0))[1] <= t})
    told = {key: int(flag != ENDED) for key, flag in heard.items()} | dict.fromkeys(over, 0)
    return Row(device, report.t, report.values | _bits(report, wanted) | told)


def _place(told: dict[str, Any]) -> dict[str, Any]:
    status = told["status"]
    fixed = bool(status >> FIXED & 1)
    lat = None if status >> ENCRYPTED & 1 else _degrees(told["lat"], bool(status >> SOUTH & 1), 90)
    lon = None if status >> ENCRYPTED & 1 else _degrees(told["lon"], bool(status >> WEST & 1), 180)
    if not fixed and not (told["lat"] or told["lon"]):
        lat = lon = None  # 0, 0 without a fix is no place
    values = {"lat": lat, "lon": lon, "altitude": told["altitude"], "speed": tenths(told["speed_01kmh"]),
              "direction": told["direction"]}
    if fixed:
        return values
    return {key: value if value is None else {"value": value, "quality": "uncertain"} for key, value in values.items()}


def _degrees(raw: int, negative: bool, most: int) -> Figure | None:
    """Millionths of a degree; some terminals write south and west as two's complement. None beyond the globe."""
    signed = raw - (1 << 32) if raw >> 31 else -raw if negative else raw
    if abs(signed) > most * 1_000_000:
        return None
    whole, rest = divmod(abs(signed), 1_000_000)
    return Figure(f"{'-' if signed < 0 else ''}{whole}.{rest:06d}")


def _bits(report: Report, wanted: Collection[str]) -> dict[str, int]:
    """Alarms that are raised; of the other bits and counts those that are wanted."""
    told: dict[str, int] = {}
    for word, keys in RAISED.items():
        if bits := report.words.get(word, 0):
            told |= {key: 1 for bit, key in enumerate(keys) if bits >> bit & 1}
    for key in wanted:
        if key in report.counts:
            told[key] = report.counts[key]
        elif key in BITS and BITS[key][0] in report.words:
            word, bit = BITS[key]
            told[key] = report.words[word] >> bit & 1
    return told


def _extra(item: dict[str, Any], report: Report) -> None:
    which, content = int(item["id"], 16), bytes.fromhex(item["hex"])
    for name, key in TENTHS.items():
        if name in item:
            report.values[key] = tenths(item[name])
    for name, key in PLAIN.items():
        if name in item:
            report.counts[key] = item[name]
    if "ad0" in item:  # table 27: AD0 is the low half
        report.counts.update(ad0=item["ad1"], ad1=item["ad0"])
    if "signal_bits" in item:
        report.words["signal"] = item["signal_bits"]
    if which == 0x14 and len(content) == 4:
        report.words["video"] = int.from_bytes(content, "big")
    if which == CABIN and len(content) == 2:
        report.values["cabin_temp"] = _signed(content)
    if item.get("truncated"):
        report.faults.append(("bad_frame", f"附加项 {item['id']} 应有 {item['len']} 字节,实有 {len(content)}"))
    elif which in safety.NAMES:
        _safety(which, content, report)


def _signed(content: bytes) -> int:
    """Sign and magnitude, -32767 to 32767 (table 27, 0x06)."""
    raw = int.from_bytes(content, "big")
    return -(raw & 0x7FFF) if raw >> 15 else raw


def _safety(which: int, content: bytes, report: Report) -> None:
    own = safety.dialect(which, len(content))
    if own is None:
        return  # another vendor's item
    try:
        told = safety.read_item(which, content, own)
    except (struct.error, IndexError) as short:
        report.faults.append(("bad_frame", f"主动安全附加项 0x{which:02x}: {short}"))
        return
    if which == safety.TPMS:
        keys = _tyres(told, report)
    else:
        kind = safety.type_name(which, told["type"], own)
        keys = [f"{safety.NAMES[which]}_{kind}"] if kind else []
    at = safety.ident_at(which)
    ident = content[at:at + (16 if own == safety.SU else 40)]
    for key in keys or [""]:  # an event without a word may still have files
        flag = told["flag"] if told["flag"] in _RANK else 0  # others are no flags: a moment
        report.alarms.append(Safety(key, flag, ident, told["ident"]["attach_count"], which))


def _tyres(told: dict[str, Any], report: Report) -> list[str]:
    """Pressure, temperature and battery of each tyre as readings; the alarms of any of them as keys."""
    raised = 0
    for tyre in told["tyres"]:
        raised |= tyre["type"]
        for name, key in (("pressure_kpa", "pressure"), ("temp_c", "temp"), ("battery_pct", "battery")):
            report.values[f"tyre_{key}_{tyre['position']}"] = tyre[name]
    return [f"tpms_{name}" for i, name in enumerate(safety.TYRE_ALARMS) if i and raised >> i & 1]
