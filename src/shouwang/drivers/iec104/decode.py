"""One frame of IEC 60870-5-104 in the words of the test vectors."""

import math
from typing import Any

from ..rows import Malformed
from . import asdu
from .packet import SHORTEST, START, control


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What the frame in `hex` says. Where the length octet is not true (`len_ok`) the rest is told as far as it can."""
    try:
        raw = bytes.fromhex(item["hex"])
    except (KeyError, TypeError, ValueError):
        raise Malformed("需要 hex(十六进制文本)") from None
    if len(raw) < 2 + SHORTEST or raw[0] != START:
        raise Malformed(f"不是 104 报文:应以 68 开头且至少 {2 + SHORTEST} 字节")
    frame = control(raw)
    told: dict[str, Any] = {"apdu_len": raw[1], "len_ok": raw[1] == len(raw) - 2, "format": frame.kind}
    if frame.kind == "U":
        return told | {"u": frame.act}
    if frame.kind == "S":
        return told | {"nr": frame.nr}
    told |= {"ns": frame.ns, "nr": frame.nr}
    try:
        unit = asdu.read(raw[6:2 + raw[1]])
    except Malformed:
        if told["len_ok"]:
            raise
        return told
    return told | {"type_id": unit.type, "count": raw[7] & 0x7F, "sq": unit.sq, "cot": unit.cause,
                   "test": unit.test, "negative": unit.negative, "oa": unit.oa, "ca": unit.ca,
                   "objects": [{name: _shown(value) for name, value in one.items()} for one in unit.objects]}


def _shown(value: Any) -> Any:
    """Fractions with six digits; what is no number (NaN, infinite) as null."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
