"""A DataValue in the house's words: quality from the StatusCode, event time from the SourceTimestamp. No asyncua here.

StatusCodes: OPC 10000-4 (IEC 62541-4) §7.39, numbers of OPC 10000-6 annex A.2.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ..floats import figure

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MASK = 0xFFFF_0000  # without the information bits
SEVERITY, GOOD, UNCERTAIN = 0xC000_0000, 0, 0x4000_0000
DATA_VALUE, OVERFLOW, LIMIT_BITS, CONSTANT = 0x0400, 0x0080, 0x0300, 0x0300
GOOD_LOCAL_OVERRIDE = 0x0096_0000
UNITS_EXCEEDED, OUT_OF_RANGE = 0x4094_0000, 0x803C_0000
NO_DATA = {  # nothing was measured, or nobody knows
    0x8031_0000,  # BadNoCommunication
    0x8032_0000,  # BadWaitingForInitialData
    0x8033_0000, 0x8034_0000,  # BadNodeIdInvalid, BadNodeIdUnknown
    0x808A_0000,  # BadNotConnected
    0x808D_0000,  # BadOutOfService
    0x809B_0000,  # BadNoData
    0x800A_0000, 0x800C_0000, 0x800D_0000,  # BadTimeout, BadShutdown, BadServerNotConnected
}


class Worth(NamedTuple):
    """What a StatusCode says: a quality word, and whether values were lost before this one."""

    quality: str
    lost: bool


def worth(code: int) -> Worth:
    """The quality of a value under a StatusCode."""
    kind, lost = code & MASK, bool(code & DATA_VALUE and code & OVERFLOW)
    if kind in (UNITS_EXCEEDED, OUT_OF_RANGE):
        return Worth("over_range", lost)
    if code & SEVERITY not in (GOOD, UNCERTAIN):
        return Worth("no_data" if kind in NO_DATA else "fault", lost)
    if code & DATA_VALUE and code & LIMIT_BITS not in (0, CONSTANT):
        return Worth("over_range", lost)  # at the low or high limit of the instrument
    doubtful = code & SEVERITY == UNCERTAIN or kind == GOOD_LOCAL_OVERRIDE
    return Worth("uncertain" if doubtful else "good", lost)


def value(raw: Any, kind: str, code: int) -> Any:
    """A value of a variant type under a StatusCode, as rows have it; what is no number stays what it is."""
    quality = worth(code).quality
    if quality == "no_data":
        return {"value": 0, "quality": quality}
    plain = figure(raw, single=kind == "Float") if isinstance(raw, float) else raw
    if isinstance(plain, list | tuple | dict | bytes):
        plain = repr(plain)
    if plain is None:
        return None if quality != "fault" else {"value": 0, "quality": "fault"}
    return plain if quality == "good" else {"value": plain, "quality": quality}


def ms(when: datetime | None) -> int | None:
    """A timestamp in ms since 1970; UTC where it does not say."""
    if when is None:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(milliseconds=1)
