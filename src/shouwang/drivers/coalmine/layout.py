"""Which fields a record of each type has (MT/T 1201.1-2023, 1201.3-2023; [mem] = order from memory, to be checked)."""

from typing import NamedTuple

NUMBER, TIME, TEXT, STATUS, MARK, FLAG, YES = "number", "time", "text", "status", "mark", "flag", "yes"


class Field(NamedTuple):
    """One field: its name, what it may hold (one of the words above or the name of a code), must it be there."""

    name: str
    holds: str = TEXT
    required: bool = False


class Layout(NamedTuple):
    """A record's fields; `key` tells two records apart; `optional` fields at the end may be missing."""

    fields: tuple[Field, ...]
    key: tuple[str, ...]
    optional: int = 0


def _layout(text: str, key: str, optional: int = 0) -> Layout:
    """From `name:holds!` words; `!` = required."""
    fields = []
    for word in text.split():
        name, _, holds = word.rstrip("!").partition(":")
        fields.append(Field(name, holds or TEXT, word.endswith("!")))
    return Layout(tuple(fields), tuple(key.split()), optional)


_STAYING = "area:area area_in_time:time station:station station_in_time:time"
LAYOUTS = {
    "CDDY": _layout("code:point! system substation sensor_type value_type unit range_high:number range_low:number "
                    "alarm_high:number release_high:number alarm_low:number release_low:number "
                    "power_off_high:number restore_high:number power_off_low:number restore_low:number "
                    "on_text off_text location x:number y:number z:number relations time:time", "code"),
    "CDSS": _layout("code:point! sensor location value unit status:status! time:time!", "code time"),
    "TJSJ": _layout("code:point! sensor location unit start:time! end:time! max:number max_time:time "
                    "min:number min_time:time avg:number time:time", "code start"),
    "YCBJ": _layout("code:point! sensor location unit kind! start:time! end:time max:number max_time:time "
                    "min:number min_time:time avg:number reason measure entered_at entered_by time:time",
                    "code kind start"),
    "FZDY": _layout("substation:substation! location x:number y:number z:number time:time", "substation", 1),
    "FZSS": _layout("substation:substation! run:mark! power:mark time:time!", "substation time"),
    "RYQY": _layout("type area:area! quota:number name", "area"),
    "RYJZ": _layout("station:station! name x y z note", "station"),
    "RYXX": _layout("card:card! name job post dept birth education leader:yes special:yes", "card"),
    "RYSS": _layout(f"card:card! name flag:flag! in_time:time out_time:time {_STAYING} shift_mode distance:number "
                    "work_status leader:yes special:yes track", "card"),
    "JZSS": _layout("station:station! run:mark! power:mark time:time", "station time"),
    # [mem] the four alarm files
    "RYCS": _layout(f"card:card! name in_time:time start:time! end:time {_STAYING}", "card start"),
    "RYCY": _layout("type quota:number people:number area:area start:time! end:time cards", "type area start"),
    "RYXZ": _layout(f"card:card! name start:time! end:time in_time:time {_STAYING}", "card start"),
    "RYQJ": _layout(f"card:card! name start:time! end:time in_time:time {_STAYING}", "card start"),
}
