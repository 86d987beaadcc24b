"""Alarms whose files were asked for (0x9208), by the number given to each."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from .upload import Upload

MOST = 10_000  # [D] alarms remembered; the oldest are forgotten first


@dataclass
class Alarm:
    """One alarm: whose it is, what it was, what came of its files."""

    number: str
    terminal: str
    ident: bytes
    about: dict[str, Any]
    upload: Upload | None = None
    done: set[str] = field(default_factory=set)


class Expected:
    """A number leads to its alarm; only numbers we gave are known."""

    def __init__(self) -> None:
        self._by_number: OrderedDict[str, Alarm] = OrderedDict()
        self._by_ident: dict[tuple[str, bytes], str] = {}

    def ask(self, terminal: str, ident: bytes, about: dict[str, Any]) -> Alarm | None:
        """A new alarm to ask files of; None where they were asked for already."""
        if (terminal, ident) in self._by_ident:
            return None
        alarm = Alarm(secrets.token_hex(16), terminal, ident, about)
        self._by_number[alarm.number] = alarm
        self._by_ident[terminal, ident] = alarm.number
        if len(self._by_number) > MOST:
            _, old = self._by_number.popitem(last=False)
            del self._by_ident[old.terminal, old.ident]
        return alarm

    def find(self, number: str) -> Alarm | None:
        """The alarm of a number."""
        return self._by_number.get(number)
