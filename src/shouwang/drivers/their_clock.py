"""What time it is at the other end, so that "no data from now on" falls between its last and its next reading.

Readings are judged by their own time. A loss noticed here, put down in our time, would hide the values that come
after it from a clock that is behind ours.
"""

LIMIT = 5 * 60_000  # [D] ms; a clock further off than this says nothing


class TheirClock:
    """Of one device or server; all times in ms."""

    def __init__(self) -> None:
        self.newest = 0  # of its readings
        self._spoke: tuple[int, int] = (0, 0)  # (its clock, ours) at its last message

    def said(self, stamp: int, received: int) -> None:
        """A message bore its present time."""
        self._spoke = (stamp, received)

    def reading(self, t: int, received: int) -> None:
        """A reading bore this time."""
        if self.newest < t <= received + LIMIT:
            self.newest = t

    def now(self, received: int) -> int:
        """Its time at our `received`, after its last reading."""
        its, ours = self._spoke
        elapsed = its + received - ours
        return max(elapsed if abs(elapsed - received) <= LIMIT else received, self.newest + 1)
