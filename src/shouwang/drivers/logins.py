"""Failed logins by address: after too many an address waits, but credentials that worked there still do."""

from collections import OrderedDict
from hashlib import blake2b
from secrets import token_bytes

from .limits import Limits

_MOST = 10_000  # addresses and pairs remembered; the oldest are forgotten first


class Logins:
    """A leaking bucket an address. A gateway is not shut out by a neighbour behind the same NAT."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._fails: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address → (level, at)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._salt = token_bytes(16)

    def may(self, address: str, token: str, at: float) -> bool:
        """Whether this address may try this token now (`at`: monotonic seconds)."""
        return self._level(address, at) <= self.limits.failures - 1 or self._pair(address, token) in self._good

    def failed(self, address: str, at: float) -> None:
        """A wrong credential came from this address."""
        self._fails[address] = (self._level(address, at) + 1, at)
        self._fails.move_to_end(address)
        if len(self._fails) > _MOST:
            self._fails.popitem(last=False)

    def worked(self, address: str, token: str) -> None:
        """This credential is right: from this address it stays welcome."""
        pair = self._pair(address, token)
        self._good[pair] = None
        self._good.move_to_end(pair)
        if len(self._good) > _MOST:
            self._good.popitem(last=False)

    def _level(self, address: str, at: float) -> float:
        level, since = self._fails.get(address, (0.0, at))
        return max(0.0, level - (at - since) * self.limits.failures / self.limits.failures_within)

    def _pair(self, address: str, token: str) -> bytes:
        both = f"{address}\n{token}".encode("utf-8", "surrogatepass")
        return blake2b(both, key=self._salt, digest_size=16).digest()
