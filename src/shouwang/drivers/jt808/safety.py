"""Active-safety items of a location report: T/JSATL12-2017 (苏标) and T/GDRTA 002-2019 (粤标).

Both have the same fields; the identity of the alarm is 16 bytes in 苏标 and 40 in 粤标, so the length of an item
tells the dialect: 47/71 (ADAS, DSM, harsh driving), 41/65 (blind spot), 41+9n/65+9n (tyres).
"""

import struct
from typing import Any

from .fields import clock, text

ADAS, DSM, TPMS, BSD, HARSH = 0x64, 0x65, 0x66, 0x67, 0x70
ITEMS = (ADAS, DSM, TPMS, BSD)  # those that the test vectors name
SU, YUE = 7, 30  # bytes of a terminal id
TYRE = 9

_ADAS = ("alarm_id", "flag", "type", "level", "front_speed_kmh", "front_dist_100ms", "deviate_type",
         "roadsign_type", "roadsign_data", "speed_kmh", "altitude_m", "lat", "lon")
_DSM = ("alarm_id", "flag", "type", "level", "fatigue", "reserved", "speed_kmh", "altitude_m", "lat", "lon")
_TPMS = ("alarm_id", "flag", "speed_kmh", "altitude_m", "lat", "lon")
_BSD = ("alarm_id", "flag", "type", "speed_kmh", "altitude_m", "lat", "lon")
_HARSH = ("alarm_id", "flag", "type", "threshold_1", "threshold_2", "threshold_3", "speed_kmh", "altitude_m",
          "lat", "lon")
_HEAD = {ADAS: (">IBBBBBBBBBHII", _ADAS), DSM: (">IBBBB4sBHII", _DSM), TPMS: (">IBBHII", _TPMS),
         BSD: (">IBBBHII", _BSD), HARSH: (">IBBHHHBHII", _HARSH)}
_TYRE = ("position", "type", "pressure_kpa", "temp_c", "battery_pct")
TYPES = {
    ADAS: {1: "forward_collision", 2: "lane_departure", 3: "headway", 4: "pedestrian", 5: "lane_change",
           6: "road_sign", 7: "obstacle"},
    DSM: {1: "fatigue", 2: "phone", 3: "smoking", 4: "distraction", 5: "abnormal"},
    BSD: {1: "rear", 2: "left_rear", 3: "right_rear"},
    HARSH: {1: "acceleration", 2: "braking", 3: "turning", 4: "idling", 5: "stalling", 6: "neutral", 7: "overrev"},
}
_YUE_DSM = {6: "lens_covered", 8: "overtime", 10: "no_seat_belt", 11: "ir_glasses", 12: "hands_off",
            13: "playing_phone"}
NAMES = {ADAS: "adas", DSM: "dsm", TPMS: "tpms", BSD: "bsd", HARSH: "harsh"}
TYRE_ALARMS = ("periodic", "pressure_high", "pressure_low", "temp_high", "sensor", "imbalance", "slow_leak",
               "battery_low")  # bits of a tyre's alarm type (T/JSATL12 table 4-21)


def dialect(item: int, size: int) -> int | None:
    """SU or YUE by the length of an item; None where it is neither: another vendor's item of the same id."""
    at = ident_at(item)
    if item == TPMS:
        return next((d for d, ident in ((SU, 16), (YUE, 40)) if size > at + ident and
                     (size - at - ident - 1) % TYRE == 0), None)
    return {at + 16: SU, at + 40: YUE}.get(size)


def ident_at(item: int) -> int:
    """Where the identity of the alarm begins in an item."""
    return struct.calcsize(_HEAD[item][0]) + 8


def read_item(item: int, raw: bytes, own: int = SU) -> dict[str, Any]:
    """An item by its fields. Too short: struct.error or IndexError."""
    layout, names = _HEAD[item]
    at = struct.calcsize(layout)
    told: dict[str, Any] = dict(zip(names, struct.unpack(layout, raw[:at]), strict=True))
    if item == DSM:
        told["reserved"] = told["reserved"].hex()
    told["time"] = clock(raw[at:at + 6])
    told["vehicle_status"] = int.from_bytes(raw[at + 6:at + 8], "big")
    end = at + 8 + (16 if own == SU else 40)
    told["ident"] = read_ident(raw[at + 8:end], own)
    if item == TPMS:
        told["count"] = raw[end]
        told["tyres"] = _tyres(raw[end + 1:], raw[end])
    return told


def _tyres(raw: bytes, count: int) -> list[dict[str, int]]:
    whole = min(count, len(raw) // TYRE)
    return [dict(zip(_TYRE, struct.unpack(">BHHHH", raw[i * TYRE:(i + 1) * TYRE]), strict=True))
            for i in range(whole)]


def read_ident(raw: bytes, own: int = SU) -> dict[str, Any]:
    """The identity of an alarm (T/JSATL12 table 4-16): terminal id, time, number, attachments, reserved."""
    return {"terminal_id": text(raw[:own]), "time": clock(raw[own:own + 6]), "seq": raw[own + 6],
            "attach_count": raw[own + 7], "reserved": raw[own + 8]}


def type_name(item: int, kind: int, own: int) -> str | None:
    """The word of an alarm type, e.g. headway; None where it is an event or unknown."""
    extra = _YUE_DSM if item == DSM and own == YUE else {}
    return TYPES.get(item, {}).get(kind) or extra.get(kind)
