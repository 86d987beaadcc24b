"""What `options` of an entry `driver: iec104` in drivers.yaml may say."""

from datetime import timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from shouwang.kernel.errors import BadInput

from .link import Timing

ADDRESS = r"^\d{1,5}/\d{1,8}$"  # common address / object address
Factor = int | float | str


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One outstation. Spans in seconds. Numbers without a clause are 本系统默认 [D]."""

    host: str  # the protocol knows no credentials: the address is all that says whose data this is
    port: int = 2404  # 60870-5-104:2006 §7.1
    stations: list[int] = []  # common addresses to interrogate; none: all at once by 65535
    utc_offset: float = 8.0  # hours by which the station's clock is ahead of UTC [D]
    interrogate_every: float = 900.0  # 0: only after a start [D]
    counters_every: float = 0.0  # 0: counters are not asked for [D]
    scale: dict[str, Factor] = {}  # "47/11": 0.1, for scaled and normalized values
    retry_from: float = 1.0  # until the first reconnect; doubled each time [D]
    retry_to: float = 60.0  # [D]
    t0: float = Timing.t0
    t1: float = Timing.t1
    t2: float = Timing.t2
    t3: float = Timing.t3
    k: int = Timing.k
    w: int = Timing.w

    @property
    def timing(self) -> Timing:
        """The link's parameters."""
        return Timing(self.t0, self.t1, self.t2, self.t3, self.k, self.w)

    @property
    def zone(self) -> timezone:
        """The station's clock."""
        return timezone(timedelta(hours=self.utc_offset))

    def factors(self) -> dict[str, Decimal]:
        """`scale` in exact decimals."""
        return {address: Decimal(str(factor)) for address, factor in self.scale.items()}


def read(given: dict[str, Any], source: str) -> Options:
    """The options of a driver entry; what is wrong is a BadInput that names it."""
    where = f"drivers.yaml 中来源 {source!r} 的 iec104 options"
    try:
        options = msgspec.convert(given, Options)
        options.factors()
    except (msgspec.ValidationError, InvalidOperation) as wrong:
        raise BadInput(f"{where}: {wrong};至少应有 host(被控站地址),端口 port 默认 2404") from None
    if not (0 < options.t2 < options.t1 and 1 <= options.w <= options.k < 32_768 and options.t3 > 0 < options.t0):
        raise BadInput(f"{where}: 应满足 0 < t2 < t1、t0 > 0、t3 > 0、1 ≤ w ≤ k < 32768")
    if min(options.interrogate_every, options.counters_every) < 0:
        raise BadInput(f"{where}: interrogate_every、counters_every 不应为负")
    if not 0 < options.retry_from <= options.retry_to or abs(options.utc_offset) >= 24:
        raise BadInput(f"{where}: 应满足 0 < retry_from ≤ retry_to,utc_offset 在 ±24 小时之内")
    return options
