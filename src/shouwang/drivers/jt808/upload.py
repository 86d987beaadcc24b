"""The files of one attachment connection (T/JSATL12): which are announced, which stretches came, which are missing."""

from collections.abc import Callable
from typing import Any

from . import messages
from .packet import Bad, Found, Piece

LARGEST = 67_108_864  # [D] bytes of one file
STRETCHES = 4096  # [D] separate stretches of one file remembered
Keep = Callable[[str, int, bytes], None]


class File:
    """One announced file: `have` are the stretches (from, to) that came, in order, apart from each other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.have: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> None:
        """A stretch came, perhaps again."""
        apart = [one for one in self.have if one[1] < start or one[0] > end]
        near = [one for one in self.have if one[1] >= start and one[0] <= end]
        joined = (min([start, *(a for a, _ in near)]), max([end, *(b for _, b in near)]))
        self.have = sorted([*apart, joined])

    def missing(self) -> list[tuple[int, int]]:
        """(offset, length) of what has not come."""
        gaps, at = [], 0
        for start, end in [*self.have, (self.size, self.size)]:
            if start > at:
                gaps.append((at, start - at))
            at = end
        return gaps


class Upload:
    """What a device announced and brought. `keep` is given every stretch that belongs to an announced file."""

    def __init__(self, keep: Keep | None = None) -> None:
        self.files: dict[str, File] = {}
        self.strange: list[str] = []  # names nobody announced
        self._memory: dict[str, bytearray] = {}
        self._keep = keep or self._remember

    def take(self, found: Found) -> str | None:
        """One thing from the connection; the reason (Chinese) where it cannot be taken."""
        if isinstance(found, Piece):
            return self._piece(found)
        if isinstance(found, Bad):
            return found.why
        if found.id == 0x1210:
            for one in messages.attachment_list(found.body)["files"]:
                self.announce(one["name"], one["size"])
        return None

    def announce(self, name: str, size: int) -> bool:
        """A file is to come; False when it would be too large. Announced again, what came of it stays."""
        if size > LARGEST:
            return False
        if name not in self.files or self.files[name].size != size:
            self.files[name] = File(size)
        return True

    def _piece(self, piece: Piece) -> str | None:
        file = self.files.get(piece.name)
        end = piece.offset + len(piece.content)
        if file is None:
            self.strange = [*self.strange, piece.name][-16:]
            return f"文件 {piece.name} 不在附件清单中"
        if end > file.size or len(file.have) >= STRETCHES:
            return f"文件 {piece.name} 的数据块超出其大小 {file.size}"
        if piece.content and file.missing():
            self._keep(piece.name, piece.offset, piece.content)
            file.add(piece.offset, end)
        return None

    def _remember(self, name: str, offset: int, content: bytes) -> None:
        memory = self._memory.setdefault(name, bytearray())
        memory.extend(bytes(max(0, offset + len(content) - len(memory))))
        memory[offset:offset + len(content)] = content

    def told(self) -> dict[str, Any]:
        """The first announced file in the words of the test vectors; what of it is missing."""
        name, file = next(iter(self.files.items()), ("", File(0)))
        missing = [{"offset": offset, "length": length} for offset, length in file.missing()]
        told: dict[str, Any] = {"file_name": name}
        told |= {"missing": missing} if missing else \
            {"file_bytes_ascii": bytes(self._memory.get(name, b"")).decode("ascii", "replace")}
        return told | ({"unknown_names": self.strange} if self.strange else {})
