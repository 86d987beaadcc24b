"""One SIP message (`text`), one MANSCDP body (`xml`) or bytes of either (`hex`), in the words of the test vectors."""

import re
from typing import Any
from xml.etree import ElementTree

from ..rows import Malformed
from . import packet

BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
BLANK = re.compile(r"\r?\n\r?\n")
DECLARATION = re.compile(r"<\?xml[^>]*\?>")
GLUED = '"From:" without a space'


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What the item says; Malformed when it is neither."""
    given = item.get("xml", item.get("text"))
    if given is None and isinstance(item.get("hex"), str):
        try:
            given = packet.text_of(bytes.fromhex(item["hex"]))
        except ValueError:
            raise Malformed("hex 不是十六进制文本") from None
    if not isinstance(given, str):
        raise Malformed("需要 text(SIP 报文)或 xml(MANSCDP 正文)")
    if "xml" in item or item.get("kind") == "MANSCDP" or given.lstrip("\ufeff \r\n\t").startswith("<"):
        return manscdp(given)
    return sip(given)


def sip(text: str) -> dict[str, Any]:
    """A request or a response; a registration that answers a challenge is told in full."""
    top, body = (*BLANK.split(text.lstrip("\r\n"), maxsplit=1), "")[:2]
    head = packet.head(top.rstrip("\r\n"))
    size = head.number("content-length") or 0
    has = max(len(body.encode(encoding, "replace")) for encoding in ("utf-8", "gb18030"))
    if has < size:
        raise Malformed(f"正文不完整:Content-Length 为 {size},只有 {has} 字节")
    if head.status:
        return _response(head)
    out: dict[str, Any] = {"method": head.method, "from_id": packet.user(head.one("from"))}
    if not head.spaced:
        out["note"] = GLUED
    if packet.challenge(head.one("authorization")):
        out |= {"platform": packet.user(head.uri), "cseq": head.number("cseq"),
                "expires": head.number("expires"), "digest": True}
    elif head.method == "REGISTER" and head.number("expires") == 0:
        out["expires"] = 0  # a logout
    if "manscdp" in head.one("content-type").lower():
        out["body"] = manscdp(body)
    return out


def _response(head: packet.Head) -> dict[str, Any]:
    asked = packet.challenge(head.one("www-authenticate"))
    out: dict[str, Any] = {"status": head.status}
    out |= {name: asked[name] for name in ("realm", "nonce") if name in asked}
    if head.one("expires"):
        out["expires"] = head.number("expires")
    if head.one("date"):
        out["date"] = head.one("date")
    return out


def manscdp(text: str) -> dict[str, Any]:
    """Root, command, number, device, the items' devices; `status` is the first Status anywhere."""
    root = _parsed(text)
    return {"root": root.tag, "cmd": _text(root, "CmdType"), "sn": _text(root, "SN"),
            "device_id": _text(root, "DeviceID"), "sum_num": _text(root, "SumNum"),
            "item_ids": [found for one in root.iter("Item") if (found := _text(one, "DeviceID")) is not None],
            "status": _text(root, ".//Status")}


def _text(element: ElementTree.Element, path: str) -> str | None:
    found = element.findtext(path)
    return None if found is None else found.strip()


def _parsed(text: str) -> ElementTree.Element:
    """The element; a bare & and control characters, which devices send in names, are mended."""
    plain = DECLARATION.sub("", text.lstrip("\ufeff \r\n\t"), count=1)
    if "<!DOCTYPE" in plain or "<!ENTITY" in plain:
        raise Malformed("MANSCDP 正文不应有 DOCTYPE")
    for tried in (plain, CONTROL.sub("", BARE.sub("&amp;", plain))):
        try:
            return ElementTree.fromstring(tried)
        except (ElementTree.ParseError, ValueError, RecursionError) as wrong:
            why = str(wrong)
    raise Malformed(f"MANSCDP 正文不是合法的 XML:{why}")
