"""GB/T 28181-2016/2022: SIP messages (RFC 3261) from bytes, and the text of their MANSCDP bodies.

Read leniently where devices are known to be loose: `From:` without a space, bare LF, padded Content-Length,
compact header names, bodies that declare GB2312 and are GB18030.
"""

import re
from typing import NamedTuple

from ..rows import Malformed

MOST = 65_536  # [D] bytes of one message over TCP; UDP has no more
START = re.compile(
    rb"(?:(?:REGISTER|MESSAGE|INVITE|ACK|BYE|CANCEL|OPTIONS|INFO|SUBSCRIBE|NOTIFY|PRACK|UPDATE|REFER|PUBLISH) "
    rb"sips?:[^\r\n]{1,512} SIP/2\.0|SIP/2\.0 [1-6]\d\d[^\r\n]{0,128})\r?\n")
LINE = re.compile(r"(?:([A-Z]+) (sips?:\S+) SIP/2\.0|SIP/2\.0 ([1-6]\d\d)(?: (.*))?)")
BLANK = re.compile(rb"\r?\n\r?\n")
COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "e": "content-encoding", "s": "subject", "k": "supported"}
NAME = re.compile(r"[\w!%*+`'~.-]{1,64}[ \t]*", re.ASCII)
USER = re.compile(r"sips?:([^@;>\s]+)@")
PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
DECLARED = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w-]+)["']""")


class Head(NamedTuple):
    """The beginning of a message: a request has a method and a URI, a response a status. `headers` in lower case."""

    method: str
    uri: str
    status: int
    headers: dict[str, list[str]]
    spaced: bool  # a space after `From:`, as most have it

    def one(self, name: str) -> str:
        """The first header of a name; empty without one."""
        return self.headers.get(name, [""])[0]

    def number(self, name: str) -> int | None:
        """The leading number of a header (CSeq, Expires …); None without one, Malformed when it is none."""
        text = self.one(name).strip()
        if not text:
            return None
        digits = text.split()[0]
        if not (digits.isascii() and digits.isdigit() and len(digits) < 11):
            raise Malformed(f"SIP 头 {name} 不是数字:{text[:60]}")
        return int(digits)


class Message(NamedTuple):
    """One SIP message as it came."""

    head: Head
    body: bytes


class Bad(NamedTuple):
    """Bytes that are no message, and why."""

    raw: bytes
    why: str


def head(text: str) -> Head:
    """The start line and headers, folded lines joined; Malformed when they are none."""
    lines = text.lstrip("\r\n").replace("\r\n", "\n").split("\n")
    found = LINE.fullmatch(lines[0].rstrip())
    if found is None:
        raise Malformed(f"SIP 起始行不对:{lines[0][:100]}")
    headers: dict[str, list[str]] = {}
    last, spaced = "", True
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and last:
            headers[last][-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon or not NAME.fullmatch(name):
            raise Malformed(f"SIP 头写得不对:{line[:100]}")
        last = COMPACT.get(name.strip().lower(), name.strip().lower())
        headers.setdefault(last, []).append(value.strip())
        if last == "from":
            spaced = value[:1] in (" ", "\t")
    return Head(found[1] or "", found[2] or "", int(found[3] or 0), headers, spaced)


def user(text: str) -> str | None:
    """The user of a SIP URI or a From/To header: the 20-digit national code."""
    found = USER.search(text)
    return found[1] if found else None


def challenge(text: str) -> dict[str, str]:
    """The parameters of a Digest challenge or answer; none when it is no Digest."""
    kind, _, rest = text.strip().partition(" ")
    if kind.lower() != "digest":
        return {}
    return {name.lower(): quoted or plain for name, quoted, plain in PARAMETER.findall(rest)}


def text_of(body: bytes) -> str:
    """A body's text: GB18030 where it declares a GB character set (a superset of all of them), else UTF-8."""
    found = DECLARED.search(body[:200])
    declared = found[1].decode().lower() if found else "utf-8"
    order = ("gb18030", "utf-8") if declared.startswith("gb") else ("utf-8", "gb18030")
    for encoding in order:
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return body.decode(order[0], "replace")


class Splitter:
    """Messages out of a TCP stream, by Content-Length; what is none is reported and never swallows the next."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, raw: bytes) -> list[Message | Bad]:
        """All messages complete by now."""
        self._kept += raw
        out: list[Message | Bad] = []
        while (one := self._next()) is not None:
            out.append(one)
        return out

    def _next(self) -> Message | Bad | None:
        kept = self._kept
        while kept and kept[0] in b"\r\n":  # keep-alives between messages
            del kept[0]
        if not kept:
            return None
        found = START.match(kept)
        if found is None:
            return self._garbage()
        blank = BLANK.search(kept, found.end() - 2)
        if blank is None:
            return self._cut(len(kept), "SIP 头过长") if len(kept) > MOST else None
        try:
            top = head(bytes(kept[:blank.start()]).decode("utf-8", "replace"))
            size = top.number("content-length") or 0
            if size > MOST:
                raise Malformed(f"Content-Length 过大:{size}")
        except Malformed as wrong:
            return self._cut(blank.end(), str(wrong))
        if len(kept) < blank.end() + size:
            return None
        body = bytes(kept[blank.end():blank.end() + size])
        del kept[:blank.end() + size]
        return Message(top, body)

    def _garbage(self) -> Bad | None:
        """Up to where a message may begin; wait while the line may still become one."""
        kept = self._kept
        later = START.search(kept, 1)
        if later is not None:
            return self._cut(later.start(), "不是 SIP 报文")
        line = kept.find(b"\n")
        if line >= 0:
            return self._cut(line + 1, "不是 SIP 报文")
        return self._cut(len(kept), "不是 SIP 报文") if len(kept) > 1024 else None

    def _cut(self, size: int, why: str) -> Bad:
        raw = bytes(self._kept[:size])
        del self._kept[:size]
        return Bad(raw, why)
