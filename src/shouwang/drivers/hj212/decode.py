"""One HJ 212 frame in the words of the test vectors."""

from typing import Any

from ..rows import Malformed
from .packet import CRC, HEAD, Frame, crc, read


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What the frame in `text` (or `hex`) says; wrong length and wrong CRC are told, not refused.

    `crc` stands where the announced length puts it; `actual_…` goes by the end of the line.
    """
    found = [_frame(raw) for raw in _codings(item)]
    best = next((one for one in found if one.crc_ok), found[0])
    return _checks(best) | _content(best.segment)


def _frame(raw: bytes) -> Frame:
    if not raw.startswith(b"##") or not raw[2:HEAD].isdigit() or len(raw) < HEAD:
        raise Malformed("不是 HJ 212 报文:应以 ## 和 4 位长度开头")
    line = raw[HEAD:].split(b"\n")[0].rstrip(b"\r")
    if len(line) < CRC:
        raise Malformed("HJ 212 报文不完整:数据段之后没有 4 位 CRC")
    return Frame(int(raw[2:HEAD]), line[:-CRC], line[-CRC:].decode("latin-1"))


def _codings(item: dict[str, Any]) -> list[bytes]:
    """The bytes that were sent; a Chinese text may have been UTF-8 or GB 18030, which the CRC knows."""
    text, code = item.get("text"), item.get("hex")
    if isinstance(text, str):
        raw = text.encode("utf-8", "surrogatepass")
        return [raw] if text.isascii() else [raw, text.encode("gb18030", "replace")]
    if not isinstance(code, str):
        raise Malformed("需要 text(报文文本)或 hex(十六进制)")
    try:
        return [bytes.fromhex(code)]
    except ValueError:
        raise Malformed("hex 不是十六进制文本") from None


def _checks(found: Frame) -> dict[str, Any]:
    line, actual = found.segment + found.printed.encode("latin-1"), len(found.segment)
    if found.len_ok:  # the length may count characters: the announced segment is the one really there
        declared, actual = actual, found.declared
    else:
        declared = found.declared
    announced, printed = line[:declared], line[declared:declared + CRC].decode("latin-1")
    return {"declared_len": found.declared, "crc": printed, "crc_calc": crc(announced),
            "crc_ok": printed.upper() == crc(announced), "actual_len": actual,
            "crc_over_actual": crc(found.segment), "len_ok": found.len_ok, "crc_actual_ok": found.crc_ok}


def _content(raw: bytes) -> dict[str, Any]:
    segment = read(raw)
    told: dict[str, Any] = {"head": segment.head, "cp": [[list(pair) for pair in item] for item in segment.cp]}
    if segment.head.get("Flag", "").isdigit():
        told["flag"] = {"ack": segment.flag & 1, "split": segment.flag >> 1 & 1, "version": segment.flag >> 2}
    return told


