"""What the ingest health page shows: counts, rates, and what was refused and why. No Django here."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

RING = 200
LONGEST = 200  # characters of an excerpt
MINUTE_MS = 60_000


@dataclass
class Rate:
    """Events a second over the last minute, from one bucket a second."""

    _buckets: deque[tuple[int, int]] = field(default_factory=deque)  # (second, count)

    def add(self, now_ms: int, count: int) -> None:
        """Count something that happened now."""
        second = now_ms // 1000
        if self._buckets and self._buckets[-1][0] == second:
            count += self._buckets.pop()[1]
        self._buckets.append((second, count))
        self._drop(second)

    def _drop(self, second: int) -> None:
        while self._buckets and self._buckets[0][0] <= second - 60:
            self._buckets.popleft()

    def read(self, now_ms: int, since_ms: int) -> float:
        """Mean per second over the last minute, or over the running time when that is shorter."""
        self._drop(now_ms // 1000)
        seconds = min(60.0, max(1.0, (now_ms - since_ms) / 1000))
        return round(sum(n for _, n in self._buckets) / seconds, 1)


@dataclass
class Tally:
    """Counts since the process began. Only known source names get a line of their own; strangers share one."""

    since_ms: int
    readings: Rate = field(default_factory=Rate)
    messages: Rate = field(default_factory=Rate)
    total_messages: int = 0
    events: dict[str, Counter[str]] = field(default_factory=dict)  # source name → event → times
    refused: dict[str, Counter[str]] = field(default_factory=dict)  # source name ("" = stranger) → reason → times
    ring: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=RING))

    def event(self, source: str, what: str, count: int = 1) -> None:
        """Something a source did."""
        self.events.setdefault(source, Counter())[what] += count

    def refuse(self, source: str, known: bool, reason: str, excerpt: str, count: int, now_ms: int) -> None:
        """Something that could not be taken; the last 200 keep their first 200 characters."""
        self.refused.setdefault(source if known else "", Counter())[reason] += count
        self.ring.appendleft({"at": now_ms, "source": source[:LONGEST], "reason": reason,
                              "excerpt": excerpt[:LONGEST], "count": count})

    def reasons(self) -> dict[str, int]:
        """Refusals of all sources by reason."""
        return dict(sum(self.refused.values(), Counter()))

    def connected(self, source: str) -> int:
        """Connections of a source that are open now."""
        seen = self.events.get(source, Counter())
        return max(0, seen["connected"] - seen["disconnected"])
