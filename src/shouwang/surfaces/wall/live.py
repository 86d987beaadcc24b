"""The live hub: one task a web process follows the event table and fans out to every open screen.

Never one database poll a client. From the row to the browser it takes one beat (0.1 s) and two small queries.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from shouwang.engines.flows.models import Matter
from shouwang.engines.rules.models import Alert
from shouwang.kernel import access
from shouwang.kernel.models import Event, Grant

from . import facts

log = logging.getLogger(__name__)
BEAT = 0.1  # s between looks at the event table, only while somebody watches
HEARTBEAT = 15.0  # s of silence after which a comment keeps the line open
SESSION = 15 * 60.0  # s a stream lives; the browser comes back and its permissions are read anew
BACKLOG = 1000  # messages a slow screen may lag before it is dropped and told to load anew
REPLAY = 500  # missed messages sent again after Last-Event-ID
GAP_PATIENCE = 30.0  # s to wait for an id another transaction still holds
MOST_SCREENS = 2000
STEP = 1000  # rows read in one look
FAMILIES = {"rules": "alerts.see", "flows": "matters.see", "notify": "notices.see"}
TYPES = {"flows.entered", "flows.closed", "flows.escalated", "flows.overdue", "flows.releveled"}
GIVEN = ("level", "highest", "kind", "rule", "value", "limit", "unit", "state", "state_title", "rung", "of",
         "overdue", "end", "notice", "until")  # facts of the event that go before those of the row
_RESYNC = b"event: resync\ndata: {}\n\n"


@dataclass(frozen=True, slots=True)
class Message:
    """One event ready for the wire, with what decides who may see it."""

    id: int
    family: str
    region: str
    top: int | None
    line: str
    frame: bytes


def told(kind: str) -> bool:
    """Whether screens are told about this type of event."""
    return kind.startswith(("rules.alert_", "notify.")) or kind in TYPES


def messages(events: Iterable[Event]) -> list[Message]:
    """Events as messages, enriched by at most one query for alerts and one for matters."""
    wanted = [e for e in events if told(e.type)]
    numbers: dict[str, set[int]] = {"alert": set(), "matter": set()}
    for event in wanted:
        kind, _, number = event.about.partition(":")
        if kind in numbers and number.isdecimal():
            numbers[kind].add(int(number))
    rows: dict[str, Any] = {}
    if numbers["alert"]:
        found = Alert.objects.filter(pk__in=numbers["alert"]).select_related("top", "subject", "point")
        rows |= {f"alert:{a.pk}": a for a in found}
    if numbers["matter"]:
        about = Matter.objects.filter(pk__in=numbers["matter"]).select_related("top", "subject")
        rows |= {f"matter:{m.pk}": m for m in about}
    return [_message(e, rows.get(e.about)) for e in wanted]


def _message(event: Event, row: Alert | Matter | None) -> Message:
    at = facts.milliseconds(event.at)
    body: dict[str, Any] = {"published": at}
    if row is not None:
        body |= facts.of_alert(row) if isinstance(row, Alert) else facts.of_matter(row)
    body |= {name: event.data[name] for name in GIVEN if event.data.get(name) is not None}
    body |= {"event": event.type, "id": event.pk, "at": at, "about": event.about}
    frame = b"id: %d\ndata: %s\n\n" % (event.pk, msgspec.json.encode(body))
    family = event.type.partition(".")[0]
    if row is None:
        return Message(event.pk, family, event.data.get("region", ""), event.data.get("top"), "", frame)
    return Message(event.pk, family, row.region, row.top_id, row.line, frame)


@dataclass
class Tail:
    """Follows the event table by id; ids other transactions still hold are asked for again (PostgreSQL)."""

    last: int = 0
    gaps: dict[int, float] = field(default_factory=dict)

    def start(self) -> int:
        """Begin after the newest event; returns its id."""
        self.last = Event.objects.aggregate(newest=Max("id"))["newest"] or 0
        self.gaps = {}
        return self.last

    def read(self) -> list[Message]:
        """What was committed since the last look, oldest first."""
        found = list(Event.objects.filter(pk__gt=self.last).order_by("pk")[:STEP])
        now = time.monotonic()
        self.gaps = {pk: since for pk, since in self.gaps.items() if now - since < GAP_PATIENCE}
        if self.gaps:
            late = list(Event.objects.filter(pk__in=list(self.gaps)).order_by("pk"))
            for event in late:
                del self.gaps[event.pk]
            found = late + found
        for event in found:
            if event.pk > self.last:
                self.gaps |= dict.fromkeys(range(max(self.last + 1, event.pk - STEP), event.pk), now)
                self.last = event.pk
        return messages(found)


def missed(after: int, until: int) -> tuple[list[Message], bool]:
    """The last REPLAY messages with after < id ≤ until, oldest first, and whether there were more."""
    rows = list(Event.objects.filter(pk__gt=after, pk__lte=until).order_by("-pk")[:REPLAY * 4 + 1])
    said = messages(reversed(rows))
    return said[-REPLAY:], len(said) > REPLAY or len(rows) > REPLAY * 4


@dataclass(eq=False)
class Screen:
    """One open browser: what it may see and what waits to be sent to it."""

    grants: dict[str, list[Grant]]
    region: str = ""
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(BACKLOG))
    dropped: bool = False

    def sees(self, message: Message) -> bool:
        """Whether the account's grants cover it and it lies in the region shown."""
        if not message.region.startswith(self.region):
            return False
        return any(message.region.startswith(g.region) and (g.subject is None or g.subject == message.top)
                   and (not g.line or not message.line or g.line == message.line)
                   for g in self.grants.get(message.family, ()))

    def offer(self, message: Message) -> None:
        """Queue it; a screen that is too slow is dropped."""
        if self.dropped or not self.sees(message):
            return
        try:
            self.queue.put_nowait(message.frame)
        except asyncio.QueueFull:
            self.dropped = True

    def waiting(self) -> bytes:
        """Everything queued by now, joined."""
        out = []
        while not self.queue.empty():
            out.append(self.queue.get_nowait())
        return b"".join(out)


class Hub:
    """The one reader of the event table in this process, and the screens it feeds."""

    def __init__(self) -> None:
        self.screens: set[Screen] = set()
        self.tail = Tail()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Lock()

    async def join(self, screen: Screen) -> int:
        """From now on the screen is told; returns the id after which it is."""
        async with self._ready:
            if self._task is None:
                await self._aside(self.tail.start)
                self._task = asyncio.create_task(self._follow())
            self.screens.add(screen)
            return self.tail.last

    def leave(self, screen: Screen) -> None:
        """The screen was closed."""
        self.screens.discard(screen)

    async def _aside(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _follow(self) -> None:
        while self.screens:
            try:
                fresh = await self._aside(self.tail.read)
            except Exception:
                log.exception("实时推送读取事件失败,一秒后重试")
                await self._aside(close_old_connections)
                await asyncio.sleep(1)
                continue
            for message in fresh:
                for screen in self.screens:
                    screen.offer(message)
            await asyncio.sleep(BEAT)
        self._task = None  # before any await, or a screen joining now would never be fed
        await self._aside(_hang_up)


def _hang_up() -> None:
    connection.close()  # looked up in the thread that owns it


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of this process (of this event loop)."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


@access.guarded("alerts.see")
async def stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """`/live/stream[?region=3708]`: what this account may see, as it happens or from Last-Event-ID on."""
    live = hub()
    if len(live.screens) >= MOST_SCREENS:
        return HttpResponse("实时连接已满,请稍后再试", status=503, headers={"Retry-After": "10"})
    account = await request.auser()
    grants = await sync_to_async(lambda: {f: access.holding(account, p) for f, p in FAMILIES.items()})()
    screen = Screen(grants, request.GET.get("region", ""))
    after = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return StreamingHttpResponse(
        _frames(live, screen, int(after) if after.isdecimal() else None), content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"})


async def _frames(live: Hub, screen: Screen, after: int | None) -> AsyncIterator[bytes]:
    ends = time.monotonic() + SESSION
    newest = await live.join(screen)
    try:
        yield b"retry: 2000\nevent: hello\ndata: {\"last\": %d}\n\n" % newest
        if after is not None and after < newest:
            yield await _again(screen, after, newest)
        while time.monotonic() < ends and not screen.dropped:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    first = await screen.queue.get()
            except TimeoutError:
                yield b": beat\n\n"
                continue
            yield first + screen.waiting()
        if screen.dropped:
            yield _RESYNC
    finally:
        live.leave(screen)


async def _again(screen: Screen, after: int, newest: int) -> bytes:
    again, more = await sync_to_async(missed)(after, newest)
    return (_RESYNC if more else b"") + b"".join(m.frame for m in again if screen.sees(m))
