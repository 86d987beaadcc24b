"""What the rules of truth demand, written from the prose alone: slow, plain, in the point's own unit.

A tier begins when its condition has held for the on-delay: counted from the first reading over the limit, broken by a
reading that is not, running out by itself. It ends on a reading that is back beyond the reset and has been so for the
off-delay. Good and uncertain readings count; one beyond the instrument's range may begin a tier and never ends one
(the truth may be far worse). Late readings count for nothing. The gravest begun tier is told.
"""

from dataclasses import dataclass, field
from decimal import Decimal

Told = tuple[int, str, int]  # at, kind, tier


@dataclass
class Tier:
    """One severity: +1 +2 are high, -1 -2 are low."""

    number: int
    limit: Decimal
    reset: Decimal
    begun: bool = False
    turning_since: int | None = None  # first reading of the unbroken run that speaks for the other state

    def over(self, x: Decimal) -> bool:
        return x >= self.limit if self.number > 0 else x <= self.limit

    def back(self, x: Decimal) -> bool:
        return x < self.reset if self.number > 0 else x > self.reset

    @property
    def leaving(self) -> bool:
        return self.begun and self.turning_since is not None


@dataclass
class Oracle:
    """One rule on one point."""

    tiers: list[Tier]
    on: int
    off: int
    last_t: int = -1
    shown: int = 0
    heard: str = "good"  # quality of the last reading
    quality: str = "good"  # quality the open alert was last told with
    told: list[Told] = field(default_factory=list)

    def until(self, now: int) -> None:
        """Time has come to `now`: begin what has waited long enough, at the moment it had."""
        while True:
            waiting = [t for t in self.tiers if not t.begun and t.turning_since is not None]
            due = min((t.turning_since + self.on for t in waiting), default=now + 1)
            if due > now:
                return
            for t in waiting:
                if t.turning_since + self.on == due:
                    t.begun, t.turning_since = True, None
            self.tell(due)

    def read(self, t: int, x: Decimal | None, quality: str) -> None:
        """A reading arrives."""
        if t <= self.last_t:
            return
        self.until(t)
        self.last_t, self.heard = t, quality
        if quality in ("good", "uncertain", "over_range"):
            for tier in self.tiers:
                self.look(tier, t, x, quality == "over_range")
            self.tell(t)
        if self.shown and quality != self.quality:
            self.quality = quality
            self.told.append((t, "quality", self.shown))

    def look(self, tier: Tier, t: int, x: Decimal, railed: bool) -> None:
        turns = tier.back(x) and not railed if tier.begun else tier.over(x)
        if not turns:
            tier.turning_since = None
            return
        if tier.turning_since is None:
            tier.turning_since = t
        if t - tier.turning_since >= (self.off if tier.begun else self.on):
            tier.begun, tier.turning_since = not tier.begun, None

    def gravest(self) -> int:
        begun = [t for t in self.tiers if t.begun]
        worst = max((abs(t.number) for t in begun), default=0)
        top = [t for t in begun if abs(t.number) == worst]
        staying = [t for t in top if not t.leaving] or top
        return max((t.number for t in staying), default=0)

    def tell(self, at: int) -> None:
        new, old = self.gravest(), self.shown
        if new == old:
            return
        kind = "raised" if old == 0 else "cleared" if new == 0 else "upgraded" if abs(new) >= abs(old) else "downgraded"
        self.shown, self.quality = new, self.heard
        self.told.append((at, kind, new))
