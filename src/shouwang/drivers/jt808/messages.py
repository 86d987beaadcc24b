"""Bodies of terminal and platform messages, in the words of the test vectors where they have some.

JT/T 808-2019 §8, T/JSATL12-2017 (0x0900 F7/F8, 0x1210 to 0x1212, 0x9208, 0x9212). A body too short for its layout
is a struct.error or IndexError.
"""

import struct
from collections.abc import Callable
from typing import Any

from . import location
from .fields import clock, text
from .safety import read_ident

Told = dict[str, Any]
_REGISTER = {2011: (5, 8, 7), 2013: (5, 20, 7), 2019: (11, 30, 30)}  # maker, model, terminal id
_IDENTS = ((7, 16), (30, 40), (0, 38))  # 0x1210: terminal id and alarm identity in 苏标, 粤标, 黑龙江


def ack(raw: bytes, version: int | None = None) -> Told:
    """0x0001 and 0x8001: what is answered, and how."""
    return {"ack_serial": int.from_bytes(raw[:2], "big"), "ack_id": f"0x{raw[2:4].hex()}", "result": raw[4]}


def register(raw: bytes, version: int | None = None) -> Told:
    """0x0100. The layouts of 2011 and 2013 differ by twelve bytes of the model: a plate has no more than eleven."""
    layout = 2019 if version is not None else 2013 if len(raw) >= 37 else 2011
    maker, model, own = _REGISTER[layout]
    a, b, c = 4 + maker, 4 + maker + model, 4 + maker + model + own
    return {"province": int.from_bytes(raw[:2], "big"), "city": int.from_bytes(raw[2:4], "big"),
            "maker": text(raw[4:a]), "model": text(raw[a:b]), "terminal_id": text(raw[b:c]),
            "plate_color": raw[c], "plate": text(raw[c + 1:]), "layout": layout}


def registered(raw: bytes, version: int | None = None) -> Told:
    """0x8100: the code to authenticate with when the result is 0."""
    return {"ack_serial": int.from_bytes(raw[:2], "big"), "result": raw[2], "auth": text(raw[3:])}


def auth(raw: bytes, version: int | None = None) -> Told:
    """0x0102: the code; since 2019 with its length, IMEI and software version."""
    if version is None:
        return {"auth": text(raw)}
    end = 1 + raw[0]
    return {"auth": text(raw[1:end]), "imei": text(raw[end:end + 15]), "sw": text(raw[end + 15:end + 35])}


def position(raw: bytes, version: int | None = None) -> Told:
    """0x0200."""
    return location.read(raw)


def batch(raw: bytes, version: int | None = None) -> Told:
    """0x0704: locations kept back, or of a blind zone (type 1)."""
    told, at = [], 3
    while at + 2 <= len(raw):
        size = int.from_bytes(raw[at:at + 2], "big")
        told.append(location.read(raw[at + 2:at + 2 + size]))
        at += 2 + size
    return {"count": int.from_bytes(raw[:2], "big"), "type": raw[2], "items": told}


def batch_parts(raw: bytes) -> tuple[list[Told], list[tuple[str, str]]]:
    """0x0704 for the server: each location stands alone; (reason, excerpt) of those that cannot be read."""
    told: list[Told] = []
    faults: list[tuple[str, str]] = []
    at, count = 3, int.from_bytes(raw[:2], "big")
    while at + 2 <= len(raw):
        one = raw[at + 2:at + 2 + int.from_bytes(raw[at:at + 2], "big")]
        at += 2 + int.from_bytes(raw[at:at + 2], "big")
        if at > len(raw) or len(one) < location.HEAD:
            faults.append(("bad_frame", f"批量位置中有一条只有 {len(one)} 字节 ← {one.hex()}"))
        else:
            told.append(location.read(one))
    if count != len(told) + len(faults):
        faults.append(("bad_frame", f"批量位置应有 {count} 条,实有 {len(told) + len(faults)} 条"))
    return told, faults


def media_event(raw: bytes, version: int | None = None) -> Told:
    """0x0800."""
    return {"media_id": int.from_bytes(raw[:4], "big"), "type": raw[4], "format": raw[5], "event": raw[6],
            "channel": raw[7]}


def media(raw: bytes, version: int | None = None) -> Told:
    """0x0801: with the location of 2013 and 2019; 2011 had none."""
    told, rest = media_event(raw), raw[8:]
    if len(rest) >= location.HEAD:
        told["location"] = location.read(rest[:location.HEAD])
        rest = rest[location.HEAD:]
    return told | {"data_hex": rest.hex()}


def asked_position(raw: bytes, version: int | None = None) -> Told:
    """0x0201: answer to a question for the location."""
    return {"ack_serial": int.from_bytes(raw[:2], "big"), "location": location.read(raw[2:])}


def parameters(raw: bytes, version: int | None = None) -> Told:
    """0x0104: serial, count, {id(4) length(1) value}."""
    return {"ack_serial": int.from_bytes(raw[:2], "big"), "count": raw[2], "parameters": _parameters(raw[3:])}


def set_parameters(raw: bytes, version: int | None = None) -> Told:
    """0x8103."""
    return {"count": raw[0], "parameters": _parameters(raw[1:])}


def _parameters(raw: bytes) -> list[Told]:
    told, at = [], 0
    while at + 5 <= len(raw):
        size = raw[at + 4]
        told.append({"id": f"0x{raw[at:at + 4].hex()}", "len": size, "hex": raw[at + 5:at + 5 + size].hex()})
        at += 5 + size
    return told


def driver_card(raw: bytes, version: int | None = None) -> Told:
    """0x0702: a driver's IC card; the layout of 2011 begins with the name and has no status."""
    status, when, result = raw[0], clock(raw[1:7]), raw[7]
    told: Told = {"status": status, "time": when}
    if status != 1 or result:
        return told | ({"result": result} if status == 1 else {})
    end = 9 + raw[8]
    told |= {"result": result, "name": text(raw[9:end]), "licence": text(raw[end:end + 20]).strip("\0")}
    after = end + 21 + raw[end + 20]
    told |= {"issuer": text(raw[end + 21:after]), "valid_until": raw[after:after + 4].hex()}
    return told | ({"id_card": text(raw[after + 4:after + 24]).strip("\0")} if len(raw) > after + 4 else {})


def can(raw: bytes, version: int | None = None) -> Told:
    """0x0705: CAN frames, id(4) and eight bytes each; the first comes at hhmmssmsms BCD."""
    frames = [raw[i:i + 12] for i in range(7, len(raw), 12)]
    return {"count": int.from_bytes(raw[:2], "big"), "time": raw[2:7].hex(),
            "items": [{"can_id": f"0x{f[:4].hex()}", "hex": f[4:].hex()} for f in frames]}


def passed_through(raw: bytes, version: int | None = None) -> Told:
    """0x0900: F7 state and F8 identity of active-safety peripherals, {id(1) length(1) content} behind a count."""
    told: Told = {"type": f"0x{raw[0]:02x}"}
    if raw[0] not in (0xF7, 0xF8):
        return told | {"hex": raw[1:].hex()}
    parts, at = [], 2
    while at + 2 <= len(raw):
        content = raw[at + 2:at + 2 + raw[at + 1]]
        part: Told = {"peripheral": f"0x{raw[at]:02x}"}
        parts.append(part | (_state(content) if raw[0] == 0xF7 else _identity(content)))
        at += 2 + raw[at + 1]
    return told | {"count": raw[1], "items": parts}


def _state(raw: bytes) -> Told:
    return {"working": raw[0], "alarm": int.from_bytes(raw[1:5], "big")}


def _identity(raw: bytes) -> Told:
    told, at = {}, 0
    for name in ("company", "model", "hardware", "software", "device_id", "customer"):
        told[name] = text(raw[at + 1:at + 1 + raw[at]])
        at += 1 + raw[at]
    return told


def attachment_list(raw: bytes, version: int | None = None) -> Told:
    """0x1210: which files belong to an alarm; the layout is the one that fits to the last byte."""
    for own, ident in _IDENTS:
        at = own + ident
        files = _files(raw[at + 34:], raw[at + 33]) if len(raw) > at + 33 else None
        if files is not None:
            size = 7 if ident == 16 else 30
            identity = read_ident(raw[own:at] + b"\0\0", size)
            return {"terminal_id": text(raw[:own]), "ident": identity, "alarm_number": text(raw[at:at + 32]),
                    "type": raw[at + 32], "count": raw[at + 33], "files": files}
    raise IndexError("附件清单的长度与苏标、粤标、黑龙江标都不符")


def _files(raw: bytes, count: int) -> list[Told] | None:
    told, at = [], 0
    for _ in range(count):
        if at >= len(raw) or (end := at + 1 + raw[at]) + 4 > len(raw):
            return None
        told.append({"name": text(raw[at + 1:end]), "size": int.from_bytes(raw[end:end + 4], "big")})
        at = end + 4
    return told if at == len(raw) else None


def file(raw: bytes, version: int | None = None) -> Told:
    """0x1211 and 0x1212: one file, 0 picture 1 audio 2 video 3 text 4 other."""
    end = 1 + raw[0]
    return {"name": text(raw[1:end]), "type": raw[end], "size": struct.unpack(">I", raw[end + 1:end + 5])[0]}


def file_done(raw: bytes, version: int | None = None) -> Told:
    """0x9212: 0 complete, 1 send these stretches again."""
    end = 1 + raw[0]
    again = [struct.unpack(">II", raw[i:i + 8]) for i in range(end + 3, end + 3 + 8 * raw[end + 2], 8)]
    return {"name": text(raw[1:end]), "type": raw[end], "result": raw[end + 1],
            "again": [{"offset": offset, "length": length} for offset, length in again]}


def send_attachments(raw: bytes, version: int | None = None) -> Told:
    """0x9208: where to bring the files of an alarm."""
    end = 1 + raw[0]
    size, own = (40, 30) if len(raw) >= end + 4 + 40 + 32 + 16 else (16, 7)
    at = end + 4 + size
    return {"host": text(raw[1:end]), "tcp_port": int.from_bytes(raw[end:end + 2], "big"),
            "udp_port": int.from_bytes(raw[end + 2:end + 4], "big"), "ident": read_ident(raw[end + 4:at], own),
            "alarm_number": text(raw[at:at + 32])}


def message(raw: bytes, version: int | None = None) -> Told:
    """0x8300: flags, since 2019 a type (1 notice, 2 service), text."""
    if version is None:
        return {"flags": raw[0], "text": text(raw[1:])}
    return {"flags": raw[0], "type": raw[1], "text": text(raw[2:])}


Reader = Callable[[bytes, int | None], Told]
NAMED: dict[int, Reader] = {  # what the vectors have words for
    0x0001: ack, 0x0100: register, 0x0102: auth, 0x0200: position, 0x0704: batch, 0x0800: media_event,
    0x0801: media, 0x8001: ack, 0x8100: registered,
}
READERS: dict[int, Reader] = NAMED | {
    0x0104: parameters, 0x0201: asked_position, 0x0702: driver_card, 0x0705: can, 0x0900: passed_through,
    0x1210: attachment_list, 0x1211: file, 0x1212: file, 0x8103: set_parameters, 0x8300: message,
    0x9208: send_attachments, 0x9212: file_done,
}
