"""One GB/T 26875.3 packet, or its application data alone, in the words of the test vectors."""

from typing import Any

from ..rows import Malformed
from . import objects
from .packet import END, HEAD, START, TAIL, length, total, unpack


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What `hex` says: a whole packet, or with `kind: app` the application data; wrong marks and sums are told."""
    code = item.get("hex")
    if not isinstance(code, str):
        raise Malformed("需要 hex(十六进制)")
    try:
        raw = bytes.fromhex(code)
    except ValueError:
        raise Malformed("hex 不是十六进制文本") from None
    return _app(raw) if item.get("kind") == "app" else _packet(raw)


def _packet(raw: bytes) -> dict[str, Any]:
    if len(raw) < HEAD + END:
        raise Malformed(f"报文只有 {len(raw)} 字节,至少应有 {HEAD + END} 字节")
    end = HEAD + length(raw)
    if len(raw) < end + END:
        raise Malformed(f"应用数据声明 {length(raw)} 字节,报文中没有这么多")
    said, check = unpack(raw), total(raw[2:end])
    told = {"head_ok": raw.startswith(START), "tail_ok": raw[end + 1:end + END] == TAIL, "serial": said.serial,
            "version": f"{said.version[0]}.{said.version[1]}", "time": objects.written(said.time),
            "source": said.source, "target": said.target, "app_len": length(raw), "cmd": said.command,
            "app": said.app.hex(), "checksum": f"{raw[end]:02x}", "checksum_ok": raw[end] == check}
    return told | _app(said.app) if len(said.app) > 1 else told


def _app(raw: bytes) -> dict[str, Any]:
    if len(raw) < 2:
        raise Malformed("应用数据至少应有类型标志与信息对象数目 2 字节")
    told = [one for one in objects.read(raw).items if isinstance(one, objects.State | objects.Part | objects.Analog)]
    return {"type_flag": raw[0], "count": raw[1],
            "items": [one._asdict() | {"time": objects.written(one.time)} for one in told]}
