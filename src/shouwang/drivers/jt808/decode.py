"""One item of the test vectors: a frame, a body, an escaped stretch or an attachment session, in their words.

A frame that can be read is told with what is wrong with it (`checksum_ok`, `len_ok`); the server refuses it. Frames
whose body the vectors do not name are told by their header; ask for `body:0x8300` to see such a body.
"""

import re
import struct
from typing import Any

from ..rows import Malformed
from . import messages, packet
from .upload import Upload


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What the bytes of an item say. Malformed where they are no JT/T 808 at all."""
    kind = item.get("kind", "frame")
    if kind == "escape":
        return {"unescaped": _unescaped(_bytes(item.get("wire"))).hex()}
    if kind == "session":
        return _session(item)
    if found := re.match(r"body:0x([0-9a-fA-F]{4})", str(kind)):
        code, raw = int(found[1], 16), _bytes(item.get("hex"))
        late = item.get("version") == 2019 or (code == 0x0102 and raw[:1] == bytes([max(0, len(raw) - 36) & 0xFF]))
        return _body(messages.READERS, code, raw, 1 if late else None)
    return _frame(_bytes(item.get("hex")))


def _bytes(told: object) -> bytes:
    if not isinstance(told, str):
        raise Malformed("需要 hex(十六进制文本)")
    try:
        return bytes.fromhex(told)
    except ValueError:
        raise Malformed("hex 不是十六进制文本") from None


def _inside(wire: bytes) -> bytes:
    """What stands between the first flag and the last, unescaped."""
    start, end = wire.find(packet.FLAG), wire.rfind(packet.FLAG)
    if start < 0 or start == end:
        raise Malformed("不是 JT/T 808 帧:没有成对的 7E")
    return packet.unescape(wire[start + 1:end])


def _unescaped(wire: bytes) -> bytes:
    return packet.FLAG + _inside(wire) + packet.FLAG


def _frame(wire: bytes) -> dict[str, Any]:
    frame = packet.read(_inside(wire))
    if frame is None:
        raise Malformed("帧比消息头还短")
    told: dict[str, Any] = {"header": _header(frame)}
    if not frame.attributes & packet.SUBPACKAGE and not frame.encryption:
        told |= _body(messages.NAMED, frame.id, frame.body, frame.version)
    return told


def _header(frame: packet.Frame) -> dict[str, Any]:
    split = bool(frame.attributes & packet.SUBPACKAGE)
    return {
        "checksum": f"{frame.check:02x}", "checksum_ok": frame.check_ok, "msg_id": f"0x{frame.id:04x}",
        "body_len": frame.declared, "encrypt": frame.encryption, "subpackage": split,
        "version_flag": frame.version is not None,
        **({} if frame.version is None else {"protocol_version": frame.version}),
        "phone": frame.phone, "serial": frame.serial,
        **({"pkg_total": frame.total, "pkg_no": frame.number} if split else {}),
        "len_ok": frame.declared == len(frame.body),
    }


def _body(known: dict[int, messages.Reader], id: int, raw: bytes, version: int | None) -> dict[str, Any]:
    reader = known.get(id)
    if reader is None:
        return {}
    try:
        return {"body": reader(raw, version)}
    except (IndexError, struct.error) as short:
        return {"decode_error": repr(short)}


def _session(item: dict[str, Any]) -> dict[str, Any]:
    """The file that an attachment connection brought, or what of it is missing."""
    splitter, upload = packet.Splitter(pieces=True), Upload()
    steps = item.get("steps")
    if not isinstance(steps, list):
        raise Malformed("需要 steps(十六进制文本的列表)")
    for step in steps:
        for found in splitter.feed(_bytes(step)):
            upload.take(found)
    return upload.told()
