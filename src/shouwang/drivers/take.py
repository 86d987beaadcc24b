"""One payload from a known source: decoded, resolved to points, scaled, offered. Each part stands alone."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from shouwang.engines.telemetry.quality import GOOD
from shouwang.engines.telemetry.seam import Intake, Readings

from .limits import Limits
from .rows import Figure, Malformed, Message, Row
from .scale import quick, scale
from .thingsboard import kind_of, read_as

EXCERPT = 200  # characters of what was refused that may be kept


class Parcel(NamedTuple):
    """What came of one payload: readings taken, reasons with count, `busy` when nothing fits now."""

    taken: int
    refused: dict[str, int]
    busy: bool = False
    problem: str = ""  # why the whole payload could not be read, where that is so


def excerpt(thing: bytes | str, secrets: tuple[str, ...] = ()) -> str:
    """The beginning of what was refused, printable, on one line, without the credential."""
    text = thing[:4 * EXCERPT].decode("utf-8", "replace") if isinstance(thing, bytes) else thing
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return "".join(c if c.isprintable() else " " for c in text[:EXCERPT])


class Refusals:
    """What one message could not bring in, gathered so that a bad batch is one entry a reason."""

    def __init__(self) -> None:
        self.count: dict[str, int] = defaultdict(int)
        self.first: dict[str, str] = {}

    def add(self, reason: str, what: str, count: int = 1) -> None:
        """Count `count` things refused for `reason`; the first one is kept as the excerpt."""
        self.count[reason] += count
        self.first.setdefault(reason, what)


class Gathered:
    """The columns of one message's readings while they are gathered."""

    __slots__ = ("point", "q", "t", "v")

    def __init__(self) -> None:
        self.point: list[int] = []
        self.t: list[int] = []
        self.v: list[int] = []
        self.q: list[int] = []

    def add(self, point: int, t: int, v: int, q: int) -> None:
        """One more reading."""
        self.point.append(point)
        self.t.append(t)
        self.v.append(v)
        self.q.append(q)

    def readings(self) -> Readings:
        """As the intake wants them."""
        return Readings(self.point, self.t, self.v, self.q)


def take(intake: Intake, source: int, topic: str, payload: bytes, received: int, limits: Limits,
         done: Callable[[], None], secrets: tuple[str, ...] = ()) -> Parcel:
    """Take a payload by its topic; `done` is called once, when all of it that could be taken is durable."""
    kind = kind_of(topic)
    return take_as(intake, source, kind, payload, received, limits, done, secrets, topic)


def take_as(intake: Intake, source: int, kind: tuple[str, bool] | None, payload: bytes, received: int,
            limits: Limits, done: Callable[[], None], secrets: tuple[str, ...] = (),
            topic: str = "", device: str | None = None) -> Parcel:
    """Take a payload of known kind (kind, gateway API or not); `received` is the wall clock in ms.

    When the intake is full the parcel is `busy`: nothing was taken or counted, `done` is not called.
    """
    refusals, gathered, problem = Refusals(), Gathered(), ""
    if kind is None:
        refusals.add("unknown_topic", topic)
    else:
        try:
            resolve(intake, source, read_as(*kind, payload, device), received, limits, gathered, refusals)
        except Malformed as e:
            problem = str(e)
            refusals.add("malformed", f"{problem} ← {excerpt(payload, secrets)}")
    return _offer(intake, source, gathered, refusals, done, secrets, problem)


def take_rows(intake: Intake, source: int, rows: list[Row], received: int, limits: Limits,
              done: Callable[[], None], refused: Sequence[tuple[str, str]] = ()) -> Parcel:
    """Take what a codec has read from one frame; `refused` are (reason, excerpt) of parts it could not read.

    When the intake is full the parcel is `busy`: nothing was taken or counted, `done` is not called.
    """
    refusals, gathered = Refusals(), Gathered()
    for reason, what in refused:
        refusals.add(reason, what)
    resolve(intake, source, Message("telemetry", True, rows, []), received, limits, gathered, refusals)
    return _offer(intake, source, gathered, refusals, done)


def _offer(intake: Intake, source: int, gathered: Gathered, refusals: Refusals, done: Callable[[], None],
           secrets: tuple[str, ...] = (), problem: str = "") -> Parcel:
    taken = len(gathered.point)
    if taken and not intake.offer(source, gathered.readings(), done):
        return Parcel(0, {}, busy=True)
    name = intake.source(source).name
    for reason, count in refusals.count.items():
        intake.refuse(name, reason, excerpt(refusals.first[reason], secrets), count)
    if not taken:
        done()
    return Parcel(taken, dict(refusals.count), problem=problem)


def resolve(intake: Intake, source: int, message: Message, received: int, limits: Limits,
            gathered: Gathered, refusals: Refusals) -> None:
    """Turn a message into readings of points of the plan in force; the rest goes to `refusals`."""
    for fault in message.faults:
        refusals.add("malformed", fault)
    plan = intake.source(source)
    for row in message.rows:
        device = plan.name if row.device is None else row.device
        keys = plan.addresses.get(device)
        if message.kind == "attributes":
            continue
        if keys is None:
            own = row.device is None and plan.kind == "gateway"  # a gateway reports its own state as a device
            refusals.add("gateway_self" if own else "unknown_device", ", ".join(row.values) if own else device,
                         max(1, len(row.values)))
        elif message.kind == "telemetry":
            _resolve_row(intake, keys, device, row, received, limits, gathered, refusals)


def _resolve_row(intake: Intake, keys: dict[str, int], device: str, row: Row, received: int, limits: Limits,
                 gathered: Gathered, refusals: Refusals) -> None:
    t = received if row.t is None else row.t
    if t > received + limits.future_ms or t < received - limits.past_ms:
        refusals.add("future" if t > received else "past", f"{device}: ts={t}", max(1, len(row.values)))
        return
    digits, units = intake.plan.points["digits"], intake.plan.units
    for key, value in row.values.items():
        point = keys.get(key)
        if point is None:
            refusals.add("unknown_key", f"{device}/{key}")
            continue
        places = int(digits[point])
        if type(value) is Figure and (short := quick(value, places)) is not None:
            gathered.add(point, t, short, GOOD)
            continue
        v, q, reason = scale(value, places, units[point])
        if reason:
            refusals.add(reason, f"{device}/{key}={value!r:.80}")
        if reason in (None, "empty"):
            gathered.add(point, t, v, q)
