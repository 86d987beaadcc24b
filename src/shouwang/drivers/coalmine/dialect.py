"""How one source writes its files: separators, header, code lengths. The national form unless configured otherwise."""

from typing import Any

import msgspec

from shouwang.kernel.errors import BadInput

LONG = {"CDDY": 7, "RYXX": 8}  # types whose header says more; the upload time is always its last segment
LENGTHS = {"mine": 12, "point": 28, "substation": 17, "card": 17, "area": 16, "station": 22}


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Separators, header segments, code lengths (0 = any), letters in codes, what stands for no time."""

    record: str = "~"
    field: str = ";"
    end: str = "||"
    prefix: str = ""  # before every type name, e.g. N in NRYSS
    header: int = 3  # segments of the short header: mine code, mine name, upload time
    long: dict[str, int] = msgspec.field(default_factory=LONG.copy)
    lengths: dict[str, int] = msgspec.field(default_factory=LENGTHS.copy)
    letters: bool = False  # codes of people, areas and stations may hold letters
    no_time: tuple[str, ...] = ("", "xxxx-xx-xx xx:xx:xx")

    def length(self, code: str) -> int:
        """Characters of a kind of code; 0 = any number."""
        return self.lengths.get(code, 0)


_ANY = dict.fromkeys(LENGTHS, 0)
NATIONAL = Dialect()
NAMED = {
    "national": NATIONAL,
    "neimenggu": Dialect(header=2, long={"CDDY": 6, "RYXX": 7}, lengths=_ANY, letters=True),
    "noncoal": Dialect(record="^", end="]]]", prefix="N", lengths=_ANY, letters=True),
}
_OWN = tuple(Dialect.__struct_fields__)


def read(options: dict[str, Any]) -> Dialect:
    """The dialect of a source's options: a name under `dialect`, and single things over it."""
    name = options.get("dialect", "national")
    if name not in NAMED:
        raise BadInput(f"options.dialect 没有 {name!r},可用:{'、'.join(NAMED)}")
    base = msgspec.structs.asdict(NAMED[name])
    own = {key: options[key] for key in _OWN if key in options}
    for key in ("long", "lengths"):  # single ones over the dialect's
        if isinstance(own.get(key), dict):
            own[key] = base[key] | own[key]
    try:
        found = msgspec.convert(base | own, Dialect)
    except msgspec.ValidationError as wrong:
        raise BadInput(f"options: {wrong}") from None
    if not (found.record and found.field and found.end):
        raise BadInput("options: record、field、end 不能为空")
    if found.header < 2 or any(n < 2 for n in found.long.values()):
        raise BadInput("options: 文件头至少两段(煤矿编码、上传时间)")
    return found


def guess(name: str, text: str) -> Dialect:
    """The likely dialect of a single file of unknown origin, by its end mark and its mine code."""
    if text.rstrip().endswith(NAMED["noncoal"].end):
        return NAMED["noncoal"]
    mine = name.split("_", maxsplit=1)[0]
    return NATIONAL if mine.isdigit() and len(mine) == LENGTHS["mine"] else NAMED["neimenggu"]
