"""Location reports (0x0200, and inside 0x0201, 0x0704, 0x0801) as bytes say them, in the words of the test vectors.

JT/T 808-2019 §8.18 and tables 23 to 27; 0x14 to 0x18 are JT/T 1078, 0x64 to 0x70 active safety (`safety.py`).
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from .fields import clock
from .safety import ITEMS, read_item

HEAD = 28
ALARMS = (
    "emergency", "overspeed", "fatigue", "danger", "gnss_fault", "gnss_antenna_open", "gnss_antenna_short",
    "main_power_low", "main_power_off", "lcd_fault", "tts_fault", "camera_fault", "ic_card_fault",
    "overspeed_warning", "fatigue_warning", "violation", "tyre_pressure", "right_turn_blind_zone",
    "day_driving_timeout", "parking_timeout", "area", "route", "segment_time", "route_deviation", "vss_fault",
    "fuel_abnormal", "stolen", "illegal_ignition", "illegal_move", "collision", "rollover", "illegal_door",
)  # bits 0 to 31 of the alarm word (table 24); 15 to 17 since 2019
NUMBERS = {
    (0x01, 4): "mileage_01km", (0x02, 2): "fuel_01l", (0x03, 2): "recorder_speed_01kmh",
    (0x04, 2): "manual_alarm_event_id", (0x25, 4): "signal_bits", (0x2A, 2): "io_bits", (0x30, 1): "rssi",
    (0x31, 1): "gnss_count",
}  # (id, length) of additional items that are one number (table 27)


class Item(NamedTuple):
    """One additional item; `truncated` where fewer bytes came than it announced."""

    id: int
    announced: int
    content: bytes

    @property
    def truncated(self) -> bool:
        """Whether the report ended inside it."""
        return len(self.content) < self.announced


def items(raw: bytes) -> Iterator[Item]:
    """The additional items behind the fixed part: id(1) length(1) content."""
    at = 0
    while at + 2 <= len(raw):
        size = raw[at + 1]
        yield Item(raw[at], size, raw[at + 2:at + 2 + size])
        at += 2 + size


def read(raw: bytes) -> dict[str, Any]:
    """A location report. Too short for its fixed part: struct.error."""
    alarm, status, lat, lon, altitude, speed, direction = struct.unpack(">IIIIHHH", raw[:22])
    return {
        "alarm": alarm, "status": status, "lat": lat, "lon": lon, "altitude": altitude, "speed_01kmh": speed,
        "direction": direction, "time": clock(raw[22:28]),
        "alarm_bits": [name for bit, name in enumerate(ALARMS) if alarm >> bit & 1],
        "extras": [_told(one) for one in items(raw[HEAD:])],
    }


def _told(item: Item) -> dict[str, Any]:
    told: dict[str, Any] = {"id": f"0x{item.id:02x}", "len": item.announced, "hex": item.content.hex()}
    number = NUMBERS.get((item.id, len(item.content)))
    if item.truncated:
        told["truncated"] = True
    elif number:
        told[number] = int.from_bytes(item.content, "big")
    elif (item.id, item.announced) == (0x2B, 4):
        # the vectors call the low half ad1; table 27 calls it AD0, as our readings do (readings.py)
        told["ad0"], told["ad1"] = struct.unpack(">HH", item.content)
    elif item.id in ITEMS:
        try:
            told["subiao"] = read_item(item.id, item.content)
        except (struct.error, IndexError) as short:
            told["subiao_error"] = str(short)
    return told
