"""One file's records → rows of readings: device = mine code, key = point code or the name of a count.

Point codes and `underground` are always handed in, so that what is not registered is counted; everything else
(`:status`, `:power`, statistics, areas, open alarms) only where it is registered as a point.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..rows import Figure, Row
from . import words
from .packet import File, Record, moment

UNITS = {"°C": "℃", "C": "℃", "PPM": "ppm", "CH4%": "%CH4", "%ch4": "%CH4", "M/S": "m/s"}  # other spellings
SWITCHES = ("KG", "DT")  # value types without a unit; they stand at 14:16 of a point code (appendix A)
Registered = dict[str, int]  # keys of the mine that are points


def rows(file: File, registered: Registered) -> list[Row]:
    """What a whole file brings; nothing for definitions (CDDY, FZDY, RYQY, RYJZ, RYXX)."""
    read = _READ.get(file.name.type)
    return read(file, registered) if read and file.status in ("DONE", "PARTIAL") else []


def quality_of(status: int) -> str:
    """What a value is worth under a status: a calibration never counts as a measurement, whatever else is set."""
    if status & (words.SENSOR_FAULT | words.STATION_FAULT):
        return "fault"
    if status & (words.NOT_POLLED | words.PAUSED):
        return "no_data"
    if status & words.CALIBRATION:
        return "calibration"
    if status & words.OVER_RANGE:
        return "over_range"
    return "uncertain" if status & ~words.KNOWN else "good"


def value_of(record: Record) -> Any:
    """A CDSS value with unit and quality; None (no data, never 0) where it is empty, not polled or paused."""
    quality, value = quality_of(int(record["status"])), record["value"]
    if not value or quality == "no_data":
        return None
    unit = "" if record["code"][14:16] in SWITCHES else UNITS.get(record["unit"], record["unit"])
    if not unit and quality == "good":
        return Figure(value)
    return {"value": Figure(value), "quality": quality} | ({"unit": unit} if unit else {})


def ms(t: datetime | None, file: File) -> int:
    """A moment in milliseconds; the header's where a record has none."""
    return int((t or file.t).timestamp() * 1000)


def _points(file: File, registered: Registered) -> list[Row]:
    """CDSS: each point at its own time; `<code>:status` is the bit set as it came."""
    out = []
    for r in file.records:
        values = {r["code"]: value_of(r)}
        if f"{r['code']}:status" in registered:
            values[f"{r['code']}:status"] = int(r["status"])
        out.append(Row(file.name.mine, ms(moment(r["time"]), file), values))
    return out


def _only(file: File, registered: Registered, t: int, values: dict[str, Any]) -> list[Row]:
    known = {key: value for key, value in values.items() if key in registered}
    return [Row(file.name.mine, t, known)] if known else []


def _statistics(file: File, registered: Registered) -> list[Row]:
    """TJSJ: `<code>:max` `:min` `:avg` of a period, at its end."""
    out = []
    for r in file.records:
        values = {f"{r['code']}:{k}": Figure(r[k]) if r[k] else None for k in ("max", "min", "avg")}
        out += _only(file, registered, ms(moment(r["end"]), file), values)
    return out


def _abnormal(file: File, registered: Registered) -> list[Row]:
    """YCBJ, the mine's own alarms: `<code>:abnormal` is the kind (1 = 001 …) from its start, 0 from its end."""
    out = []
    for r in file.records:
        key, kind = f"{r['code']}:abnormal", r["kind"]
        out += _only(file, registered, ms(moment(r["start"]), file), {key: int(kind) if kind.isdecimal() else None})
        if r["end"]:
            out += _only(file, registered, ms(moment(r["end"]), file), {key: 0})
    return out


def _stations(code: str) -> Callable[[File, Registered], list[Row]]:
    """FZSS, JZSS: `<code>` is how a station runs (0 ok, 1 broken, 2 fault), `<code>:power`; 9 unknown = no data."""
    def read(file: File, registered: Registered) -> list[Row]:
        out = []
        for r in file.records:
            values = {key: None if mark in ("9", "") else int(mark)
                      for key, mark in ((r[code], r["run"]), (f"{r[code]}:power", r["power"]))}
            out += _only(file, registered, ms(moment(r["time"]), file), values)
        return out
    return read


def _people(file: File, registered: Registered) -> list[Row]:
    """RYSS is everybody: who is not in the newest file is not underground, an area without anybody has 0.

    With bad records, or somebody underground whose area is not told, the counts may be short: uncertain.
    """
    below = [r for r in file.records if r["flag"] == words.UNDERGROUND]
    areas = Counter(r["area"] for r in below)
    counts = {"underground": len(below), "pithead": _flagged(file, words.PITHEAD), "out": _flagged(file, words.OUT),
              "sos": sum(r["work_status"] == words.SOS for r in file.records),
              "leaders": sum(r["leader"] == "1" for r in below)}
    values = {key: _count(n, bool(file.bad)) for key, n in counts.items()
              if key == "underground" or key in registered}
    listed = {f"area:{area}" for area in areas if area} | {key for key in registered if key.startswith("area:")}
    values |= {key: _count(areas[key[5:]], bool(file.bad or areas[""])) for key in sorted(listed) if key in registered}
    return [Row(file.name.mine, ms(None, file), values)]


def _flagged(file: File, flag: str) -> int:
    return sum(r["flag"] == flag for r in file.records)


def _count(n: int, short: bool) -> Any:
    return {"value": n, "quality": "uncertain"} if short else n


def _open(key: str) -> Callable[[File, Registered], list[Row]]:
    """RYCS, RYCY, RYXZ, RYQJ: how many of the alarms in the file have no end yet."""
    def read(file: File, registered: Registered) -> list[Row]:
        lasting = sum(not r["end"] for r in file.records)
        return _only(file, registered, ms(None, file), {key: _count(lasting, bool(file.bad))})
    return read


_READ: dict[str, Callable[[File, Registered], list[Row]]] = {
    "CDSS": _points, "TJSJ": _statistics, "YCBJ": _abnormal, "FZSS": _stations("substation"),
    "JZSS": _stations("station"), "RYSS": _people, "RYCS": _open("overtime"), "RYCY": _open("overcrowded"),
    "RYXZ": _open("restricted"), "RYQJ": _open("sos_alarms"),
}
