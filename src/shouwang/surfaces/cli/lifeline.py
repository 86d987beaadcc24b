"""The line between `shouwang up` and its processes: when the supervisor is gone, however it went, they stop too.

Each child inherits the reading end of a pipe nobody writes to: it ends when the supervisor does, kill -9 included.
Each child also inherits the locked file of the data folder, so that the lock stands as long as any of them lives.
"""

import fcntl
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from shouwang.kernel.errors import BadInput

VARIABLE = "SHOUWANG_LIFELINE"
STOP_WITHIN_S = 10.0
WAIT_S = 15.0  # a little longer than orphans may take to stop


@dataclass
class Lifeline:
    """What the supervisor holds and its children inherit."""

    lock: int
    reading: int
    writing: int

    @property
    def inherited(self) -> tuple[int, int]:
        """File descriptors for `pass_fds`."""
        return self.lock, self.reading

    def environment(self) -> dict[str, str]:
        """The environment of a child that is to hold on."""
        return {**os.environ, VARIABLE: str(self.reading)}


def make(folder: Path) -> Lifeline:
    """Lock the data folder, waiting for what is left of an earlier run; BadInput when another run stays."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    until, told = time.monotonic() + WAIT_S, False
    while not _locked(lock):
        if time.monotonic() > until:
            os.close(lock)
            raise BadInput(f"{folder.parent} 已有一个 shouwang up 在运行;请先停止它,或用 SHOUWANG_DATA 指定别的目录")
        if not told:
            told = True
            print("等待上一次运行的进程结束……", flush=True)
        time.sleep(0.1)
    return Lifeline(lock, *os.pipe())


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def hold() -> None:
    """In a child: when the line ends, stop as on SIGTERM, and at last without being asked."""
    if line := os.environ.pop(VARIABLE, ""):
        threading.Thread(target=_watch, args=(int(line),), name="lifeline", daemon=True).start()


def _watch(line: int) -> None:
    os.read(line, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_WITHIN_S)
    os._exit(1)
