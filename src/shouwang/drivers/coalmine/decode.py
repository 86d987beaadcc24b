"""One file in the words of the test vectors: what it comes to when it is taken, and what its records say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..rows import Malformed
from . import dialect as dialects
from . import words
from .packet import AHEAD, File, Record, complete, moment, parse, read_name

INCOMPLETE = "incomplete: keep in inbox, no ingest; after 10 min of no change move to error"
BITS = "status is a bit set " + " ".join(f"{bit}{word}" for bit, word in words.STATUS.items())
LONGEST = timedelta(days=7)  # [D] a longer stay underground is a card left there, not a shift
_TIME = "%Y-%m-%d %H:%M:%S"


def decode(item: dict[str, Any]) -> Any:
    """What `text` under the file name `file` says; with `repeat` or `files`, the status of each in that order."""
    items = item.get("files")
    if isinstance(items, list):
        return _sequence([item | one for one in items if isinstance(one, dict)])
    repeat = item.get("repeat", 1)
    if isinstance(repeat, int) and repeat > 1:
        return _sequence([item] * repeat)
    file = _read(item)
    return INCOMPLETE if file is None else describe(file)


def describe(file: File) -> dict[str, Any]:
    """A file with bad records: its status and counts; otherwise what its type tells."""
    if file.status in ("PARTIAL", "FAILED"):
        taken = len(file.records) if file.status == "PARTIAL" else 0
        return {"status": file.status, "ok": taken, "errors": len(file.bad)}
    tell = _TELL.get(file.name.type)
    one = len(file.records) == 1
    if tell and (one or file.name.type in _WHOLE):
        return tell(file, file.records[0] if one else {})
    return _summary(file)


def _read(item: dict[str, Any]) -> File | None:
    """The file; None while it is not written to its end."""
    name, text = item.get("file"), item.get("text")
    if not isinstance(name, str) or not isinstance(text, str):
        raise Malformed("需要 file(文件名)与 text(内容)")
    options = item.get("options")
    dialect = dialects.read(options) if isinstance(options, dict) else dialects.guess(name, text)
    raw, parts = text.encode("utf-8", "surrogatepass"), read_name(name, dialect)
    if parts is None:
        raise Malformed(f"文件名 {name[:80]!r} 不合规范,应为 <煤矿编码>_<类型>_<上传时间 14 位>.txt")
    if item.get("mine", parts.mine) != parts.mine:
        raise Malformed(f"不是本矿的文件:文件名为 {parts.mine},本矿为 {item['mine']}")
    if not complete(raw, dialect):
        return None
    file = parse(raw, parts, dialect)
    known = moment(str(item.get("now") or item.get("received"))) or moment(_spread(parts.uploaded))
    if known and file.t > known + AHEAD:
        raise Malformed(f"文件头时间 {file.t.strftime(_TIME)} 比收到时晚超过 5 分钟,拒收")
    return file


def _spread(uploaded: str) -> str:
    d = uploaded
    return f"{d[:4]}-{d[4:6]}-{d[6:8]} {d[8:10]}:{d[10:12]}:{d[12:]}"


def _sequence(items: list[dict[str, Any]]) -> list[str]:
    """Status of files that come one after the other: the same again is DUPLICATE, an older header STALE."""
    seen: set[tuple[str, str]] = set()
    newest: dict[tuple[str, str], datetime] = {}
    told = []
    for item in items:
        try:
            file = _read(item)
        except Malformed:
            told.append("FAILED")
            continue
        told.append("INCOMPLETE" if file is None else _status(file, (item["file"], item["text"]), seen, newest))
    return told


def _status(file: File, same: tuple[str, str], seen: set[tuple[str, str]],
            newest: dict[tuple[str, str], datetime]) -> str:
    if file.status in ("FAILED", "UNKNOWN"):
        return file.status
    if same in seen:
        return "DUPLICATE"
    seen.add(same)
    before = newest.get(file.name[:2])
    if before and file.t < before:
        return "STALE"
    newest[file.name[:2]] = file.t
    return file.status


# What each type tells.

def _number(text: str) -> int | float | None:
    return float(text) if text else None


def _whole(text: str) -> int | None:
    return int(float(text)) if text else None


def _seconds(record: Record) -> int | None:
    start, end = moment(record["start"]), moment(record["end"])
    return int((end - start).total_seconds()) if start and end else None


def _summary(file: File) -> dict[str, Any]:
    """Any file: its status, how many records, its header's time."""
    return {"status": file.status, "records": len(file.records), "header_time": file.t.strftime(_TIME)}


def _cddy(_: File, r: Record) -> dict[str, Any]:
    """A point's definition: the limits that are given, the texts of a switch, its relations."""
    limits = {k: _number(r[k]) for k in ("alarm_high", "power_off_high", "restore_high", "alarm_low",
                                         "power_off_low", "restore_low") if r[k]}
    texts = {k: r[k] for k in ("on_text", "off_text") if r[k]}
    related = {"relations": words.relations(r["relations"])} if r["relations"] else {}
    sensor = words.SENSORS.get(r["sensor_type"], r["sensor_type"])
    return {"fields": len(r), "sensor": sensor, **limits, "unit": r["unit"], **texts, **related}


def _cdss(file: File, _: Record) -> dict[str, Any]:
    """The state of each point, in the file's order."""
    states = [words.bits(int(r["status"])) for r in file.records]
    shown = [f" {r['value']}{r['unit'].removesuffix('CH4')}" for r in file.records
             if int(r["status"]) & words.CALIBRATION and r["value"]][:1]
    note = f"{BITS}; calibration (4){''.join(shown)} must not raise a gas-overlimit alarm; "
    note += "empty value is no data, not 0"
    return {"points": len(states), "status_bits": states, "note": note}


def _tjsj(_: File, r: Record) -> dict[str, Any]:
    """The statistics of a period."""
    return {"period_s": _seconds(r), "max": _number(r["max"]), "min": _number(r["min"]), "avg": _number(r["avg"])}


def _ycbj(_: File, r: Record) -> dict[str, Any]:
    """An abnormality: what the mine wrote about it only where it did."""
    written = {k: r[k] for k in ("reason", "measure", "entered_at", "entered_by") if r[k]}
    kind = f"{r['kind']} {words.KINDS.get(r['kind'], '')}".strip()
    return {"type": kind, "start": r["start"], "end": r["end"] or None, "max": _number(r["max"]),
            "open": not r["end"], **written}


def _fzdy(_: File, r: Record) -> dict[str, Any]:
    return {"substation": r["substation"], "location": r["location"], **{k: _number(r[k]) for k in "xyz"}}


def _coded(code: str, titles: dict[str, str]) -> str | None:
    return f"{code} {titles[code]}" if code else None


def _fzss(file: File, one: Record) -> dict[str, Any]:
    """Substations: how they run and are fed; by code where there are several."""
    run = {r["substation"]: _coded(r["run"], words.SUBSTATION_RUN) for r in file.records}
    power = {r["substation"]: _coded(r["power"], words.POWER) for r in file.records}
    return {"run": run[one["substation"]] if one else run, "power": power[one["substation"]] if one else power}


def _jzss(file: File, _: Record) -> dict[str, Any]:
    """Stations: how each runs; the power in one word where it is the same for all."""
    run = {r["station"]: words.STATION_RUN[r["run"]] for r in file.records}
    power = {r["station"]: words.POWER.get(r["power"]) for r in file.records}
    same = set(power.values())
    return {"run": run, "power": same.pop() if len(same) == 1 else power}


def _ryqy(_: File, r: Record) -> dict[str, Any]:
    return {"area": r["area"], "type": r["type"], "quota": _whole(r["quota"]), "name": r["name"]}


def _ryjz(_: File, r: Record) -> dict[str, Any]:
    """A station; the first 16 digits of its code are its area's (national form)."""
    return {"station": r["station"], "name": r["name"], "area": r["station"][:16]}


def _ryxx(file: File, _: Record) -> dict[str, Any]:
    """The staff; a person told twice is shown with the number it has in the list: the later one stands."""
    told: dict[str, Any] = {"status": file.status, "header_time": file.t.strftime(_TIME),
                            "header_segments": len(file.header)}
    for n, r in enumerate(file.records, 1):
        again = sum(1 for one in file.repeated if one.key == (r["card"],))
        if again:
            count = "one" if again == 1 else str(again)
            told[f"person{n}"] = f"{r['name']} (later duplicate wins, {count} WARN)"
    return told


def _ryss(file: File, one: Record) -> dict[str, Any]:
    """A full snapshot of who is underground; a single person is described."""
    if one:
        days = _days(one, file)
        return {"out_time": one["out_time"] or None, "shift_mode": one["shift_mode"] or None,
                "distance": _number(one["distance"]), "station": one["station"] or None,
                "work_status": one["work_status"] or None, **({"days": days} if len(days) > 1 else {})}
    flags = [r["flag"] for r in file.records]
    told = _summary(file)
    counts = {"in_well": flags.count(words.UNDERGROUND), "out": flags.count(words.OUT)}
    rare = {"pithead": flags.count(words.PITHEAD), "sos": sum(r["work_status"] == words.SOS for r in file.records),
            "duplicates": len(file.repeated)}
    return {"status": told["status"], "records": told["records"], **counts, "header_time": told["header_time"],
            **{k: n for k, n in rare.items() if n}}


def _days(r: Record, file: File) -> list[str]:
    """The days a trip underground touches, to its end or to the snapshot: a night shift counts on both."""
    start, end = moment(r["in_time"]), moment(r["out_time"]) or file.t
    if start is None or end < start or end - start > LONGEST:
        return []
    return [str(start.date() + timedelta(n)) for n in range((end.date() - start.date()).days + 1)]


def _alarm(_: File, r: Record) -> dict[str, Any]:
    """An overtime, overcrowding, restricted-area or SOS alarm: what is given, whether it still lasts."""
    given = {k: v for k, v in r.items() if v and k not in ("start", "end", "quota", "people", "cards")}
    counts: dict[str, Any] = {k: _whole(r[k]) for k in ("quota", "people") if k in r}
    cards = {"cards": [c for c in r["cards"].replace("&", ",").split(",") if c]} if r.get("cards") else {}
    return {**given, **counts, **cards, "start": r["start"], "end": r["end"] or None, "open": not r["end"]}


_WHOLE = ("CDSS", "FZSS", "JZSS", "RYXX", "RYSS")  # told as a whole, however many records
_TELL: dict[str, Callable[[File, Record], dict[str, Any]]] = {
    "CDDY": _cddy, "CDSS": _cdss, "TJSJ": _tjsj, "YCBJ": _ycbj, "FZDY": _fzdy, "FZSS": _fzss, "JZSS": _jzss,
    "RYQY": _ryqy, "RYJZ": _ryjz, "RYXX": _ryxx, "RYSS": _ryss,
    "RYCS": _alarm, "RYCY": _alarm, "RYXZ": _alarm, "RYQJ": _alarm,
}
