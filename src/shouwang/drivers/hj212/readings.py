"""What an HJ 212 segment measures: rows with the device's own time, and the quality its flags give.

Keys are the protocol's field names (`a21026-Rtd`, `w01018-Avg`, `LA-Rtd`, `SB1-RS`). Hour (2061) and day (2031)
figures share their names with minute figures and are other quantities: they get `@2061`, `@2031`. A name that comes
twice in one report, as in the standard's own examples, is `e01001-Rtd` and `e01001-Rtd#2`: neither is lost.
"""

from datetime import datetime

from shouwang.kernel.clock import LOCAL

from ..rows import Row
from .packet import Segment

# Data marks of HJ 212-2017 §6.6.5 and, for air stations, 0-3. A stopped source (F) measures nothing, a value set by
# hand (S) is doubtful; an unknown mark, as of a dialect, is doubtful too.
QUALITY = {"N": "good", "F": "no_data", "M": "calibration", "S": "uncertain", "D": "fault", "C": "calibration",
           "T": "over_range", "B": "fault", "0": "calibration", "1": "good", "2": "uncertain", "3": "good"}
PERIODS = {"2061": "@2061", "2031": "@2031"}
MOMENTS = {"2011", "2021", "2013"}  # what is said of the moment it was sent: QN may stand in for a missing DataTime
BESIDE = {"Flag", "EFlag", "SampleTime"}  # sub-fields that describe a value


def measures(cn: str) -> bool:
    """Whether a command carries readings.

    The uploads 2xxx, an instrument's state and parameters (3020); 8051 is a measuring cycle in a regional dialect.
    """
    return (cn.startswith("2") and cn != "2081") or cn in ("3020", "8051")


def moment(text: str) -> int | None:
    """yyyyMMddHHmmss or with zzz, Beijing time, in ms since 1970; None when it is no time."""
    if not (text.isascii() and text.isdigit() and len(text) in (14, 17)):
        return None
    try:
        when = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=LOCAL)
    except ValueError:
        return None
    return int(when.timestamp()) * 1000 + int(text[14:] or 0)


def data_time(segment: Segment) -> str | None:
    """The DataTime of a report as written; None where there is none."""
    return next((value for item in segment.cp for key, value in item if key == "DataTime"), None)


def rows(segment: Segment, before: str | None = None) -> tuple[list[Row], list[tuple[str, str]]]:
    """Rows of one report, and (reason, excerpt) of what could not be read.

    `before` is the DataTime of the first sub-package, for one that has none of its own.
    """
    head, refused = segment.head, list[tuple[str, str]]()
    cn, mn = head.get("CN", ""), head.get("MN", "")
    written = data_time(segment) or before or (head.get("QN", "") if cn in MOMENTS else "")
    pairs = [(key.strip(), value) for item in segment.cp for key, value in item]
    beside = {key: value for key, value in pairs if key.partition("-")[2] in BESIDE}
    by_time: dict[int, dict[str, object]] = {}
    for key, value in pairs:
        factor, _, field = key.partition("-")
        if not field or field in BESIDE or (field == "Info" and not _numeric(value)):
            continue
        when = beside.get(f"{factor}-SampleTime", written)
        t = moment(when)
        if t is None:
            refused.append(("bad_time", f"{mn}/{key}: {when!r}"))
            continue
        values = by_time.setdefault(t, {})
        values[_free(key + PERIODS.get(cn, ""), values)] = _judged(value, beside.get(f"{factor}-Flag"))
    return [Row(mn, t, values) for t, values in by_time.items()], refused


def _free(key: str, taken: dict[str, object]) -> str:
    """The key itself, or with #2, #3 … where it was said before."""
    n, free = 1, key
    while free in taken:
        n += 1
        free = f"{key}#{n}"
    return free


def _judged(value: str, flag: str | None) -> object:
    if flag is None or not value.strip():
        return value
    word = QUALITY.get(flag.strip().upper(), "uncertain")
    return value if word == "good" else {"value": value, "quality": word}


def _numeric(text: str) -> bool:
    """Whether an instrument's parameter is a figure and not a log entry or a serial number."""
    try:
        float(text)
    except ValueError:
        return False
    return len(text) < 20
