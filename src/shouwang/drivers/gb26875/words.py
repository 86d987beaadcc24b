"""Words of GB/T 26875.3-2011 for keys and quantities: status bits (§8.2.1), analog kinds (table 7), operations."""

from typing import NamedTuple

SYSTEM_BITS = ("normal", "fire_alarm", "fault", "shielded", "supervisory", "started", "feedback", "delayed",
               "main_power_fault", "backup_power_fault", "bus_fault", "manual", "configuration_changed", "reset")
PART_BITS = ("normal", "fire_alarm", "fault", "shielded", "supervisory", "started", "feedback", "delayed",
             "power_fault")
TRANSMITTER_BITS = ("normal", "fire_alarm", "fault", "main_power_fault", "backup_power_fault",
                    "centre_channel_fault", "line_fault")
OPERATION_BITS = ("reset", "silenced", "manual_alarm", "alarm_cleared", "self_check", "confirmed", "test")
TRANSMITTER_OPERATION_BITS = ("reset", "silenced", "manual_alarm", "alarm_cleared", "self_check", "post_answered",
                              "test")


class Kind(NamedTuple):
    """A kind of analog value: its word, digits after the point of one step, and unit."""

    word: str
    digits: int
    unit: str


ANALOGS = {1: Kind("count", 0, ""), 2: Kind("height", 2, "m"), 3: Kind("temperature", 1, "℃"),
           4: Kind("pressure_mpa", 1, "MPa"), 5: Kind("pressure_kpa", 1, "kPa"), 6: Kind("gas", 1, "%LEL"),
           7: Kind("time", 0, "s"), 8: Kind("voltage", 1, "V"), 9: Kind("current", 1, "A"), 10: Kind("flow", 1, "L/s"),
           11: Kind("air_flow", 1, "m³/min"), 12: Kind("wind_speed", 0, "m/s")}
