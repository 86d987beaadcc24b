"""What `options:` of drivers.yaml may say to this driver."""

import re
from hmac import compare_digest
from pathlib import Path
from typing import Literal

import msgspec

from shouwang.kernel.errors import BadInput

from ..configured import FILE, Setting


class Terminal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A terminal that may come: its code, and where given what it must register with."""

    auth: str
    terminal_id: str = ""
    plate: str = ""


class Attachments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where terminals bring the files of an active-safety alarm."""

    address: str  # what terminals are told: an address or name they can reach, at most 255 bytes
    folder: str
    port: int = 0
    told_port: int = 0  # the port terminals are told, where a router changes it


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only listed terminals unless told otherwise."""

    register: Literal["listed", "open"] = "listed"  # open: any terminal with any code; on private networks only
    terminals: dict[str, str | Terminal] = {}  # phone: code, quoted in YAML
    silence: float = 600.0  # [D] seconds without a frame until a connection is closed
    authenticate_within: float = 30.0  # [D] seconds until a connection has a terminal
    attachments: Attachments | None = None


class Register:
    """The terminals that may come, by phone without leading zeros."""

    def __init__(self, given: Options) -> None:
        self.open = given.register == "open"
        self.listed = {phone.lower().lstrip("0") or "0": Terminal(one) if isinstance(one, str) else one
                       for phone, one in given.terminals.items()}

    def knows(self, phone: str, code: str) -> bool:
        """Whether this terminal has this code."""
        one = self.listed.get(phone)
        if one is None:
            return self.open
        return compare_digest(one.auth.encode(), code.encode("utf-8", "replace"))

    def answer(self, phone: str, terminal_id: str, plate: str) -> tuple[int, str]:
        """The result of 0x8100 and the code: 2 another vehicle, 4 not a terminal of ours (§8.6)."""
        one = self.listed.get(phone)
        if one is None:
            return (0, phone) if self.open else (4, "")
        if one.terminal_id and one.terminal_id != terminal_id:
            return 4, ""
        if one.plate and one.plate != plate:
            return 2, ""
        return 0, one.auth


def options(setting: Setting) -> Options:
    """The options of a setting; a wrong one is a BadInput that names it."""
    try:
        found = msgspec.convert(setting.options, Options)
    except msgspec.ValidationError as wrong:
        raise BadInput(f"{FILE} 中 jt808 的 options 不对:{wrong};手机号与鉴权码请加引号") from None
    for phone, one in found.terminals.items():
        code = one if isinstance(one, str) else one.auth
        if not re.fullmatch(r"[0-9A-Fa-f]{1,20}", phone) or not code or len(code.encode("gbk", "replace")) > 255:
            raise BadInput(f"{FILE} 中 jt808 的 terminals:{phone!r} "
                           "应为至多 20 位数字(个别终端为十六进制),鉴权码 1 至 255 字节")
    if found.attachments and not Path(found.attachments.folder).is_absolute():
        raise BadInput(f"{FILE} 中 jt808 的 attachments.folder 应为绝对路径,而不是 {found.attachments.folder!r}")
    return found
