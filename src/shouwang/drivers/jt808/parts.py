"""Sub-packages put together again: by terminal, message and the serial of the first."""

from collections import OrderedDict

from .packet import SUBPACKAGE, Frame

OPEN = 16  # [D] messages of one connection that may be incomplete at a time
MOST = 1_048_576  # [D] bytes of one message
Key = tuple[str, int, int, int]


class Parts:
    """The incomplete messages of one connection; the oldest is given up when there are too many."""

    def __init__(self) -> None:
        self._open: OrderedDict[Key, dict[int, Frame]] = OrderedDict()

    def add(self, frame: Frame) -> tuple[list[Frame], str]:
        """All parts in order when this one completes them; why (Chinese) where something had to be given up."""
        if not 1 <= frame.number <= frame.total:
            return [], f"分包序号 {frame.number} 不在 1 至 {frame.total} 之间"
        key = (frame.terminal, frame.id, frame.total, (frame.serial - frame.number + 1) & 0xFFFF)
        parts = self._open.setdefault(key, {})
        parts[frame.number] = frame
        if len(parts) == frame.total:
            del self._open[key]
            return [parts[n] for n in range(1, frame.total + 1)], ""
        if sum(len(one.body) for one in parts.values()) > MOST:
            del self._open[key]
            return [], f"分包消息超过 {MOST} 字节"
        if len(self._open) > OPEN:
            gone, had = self._open.popitem(last=False)
            return [], f"分包不全:消息 0x{gone[1]:04x} 收到 {len(had)}/{gone[2]}"
        return [], ""


def joined(parts: list[Frame]) -> Frame:
    """The message of its parts, with the serial of the first."""
    first = parts[0]
    return first._replace(body=b"".join(one.body for one in parts), total=0, number=0,
                          attributes=first.attributes & ~SUBPACKAGE)
