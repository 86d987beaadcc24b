"""One captured Modbus frame in the words of the test vectors."""

from typing import Any

from ..rows import Malformed
from .packet import content, recognise


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What the octets in `hex` are and say; `{"mode": "other/invalid"}` where they are not exactly one frame."""
    try:
        raw = bytes.fromhex(item["hex"])
    except (KeyError, TypeError, ValueError):
        raise Malformed("需要 hex(十六进制文本)") from None
    frame = recognise(raw)
    if frame is None:
        return {"mode": "other/invalid"}
    told: dict[str, Any] = {"mode": frame.mode}
    if frame.transaction is not None:
        told["tid"] = frame.transaction
    told |= {"unit": frame.unit, "fc": frame.pdu[0]}
    if frame.good is not None:
        told["crc_ok" if frame.mode == "rtu" else "lrc_ok"] = frame.good
    return told | content(frame.pdu)
