"""Emit an event; the links that scenes declare decide what follows. Engines never call each other.

`now` links run in the same transaction; one that fails is undone alone and becomes an errand, so that the event
stands. `soon` links are errands from the start, claimed by conditional update.
Every event remembers its cause, so the question "why?" is answered by walking `chain`.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from django.db import transaction
from django.db.models import F
from pydantic import Field

from . import clock, content
from .errors import ContentError
from .models import Errand, Event

log = logging.getLogger(__name__)
MAX_DEPTH = 24
MAX_ATTEMPTS = 12


@content.kind("links", engine="kernel")
class Link(content.Spec):
    """联动: when this happens (and if so), do that (with these)."""

    when: str
    from_: str = Field(default="own", alias="from")  # own | any | another scene's id
    if_: dict[str, Any] = Field(default={}, alias="if")
    do: str
    with_: dict[str, Any] = Field(default={}, alias="with")
    run: Literal["now", "soon"] = "now"


class Remembering(Protocol):
    """A row whose `last` is the event that put it where it is."""

    last: Any
    pk: Any

    def save(self, *, update_fields: list[str]) -> None: ...


Action = Callable[..., object]
_actions: dict[str, Action] = {}
_types: dict[str, str] = {}
_cause: ContextVar[Event | None] = ContextVar("cause", default=None)
_depth: ContextVar[int] = ContextVar("depth", default=0)  # of links run now, not of the chain: an old matter is no loop


def action(name: str) -> Callable[[Action], Action]:
    """Register what links may `do`; called as fn(event=…, link=…, **with)."""

    def register(fn: Action) -> Action:
        _actions[name] = fn
        return fn

    return register


def declares(**types: str) -> None:
    """An engine says which events it emits: `declares(alert_raised="…")` in module `rules` form."""
    _types.update({name.replace("__", "."): meaning for name, meaning in types.items()})


def actions() -> dict[str, Action]:
    """Every registered action, for checks and generated reference."""
    return dict(_actions)


def types() -> dict[str, str]:
    """Every declared event type with its meaning."""
    return dict(_types)


@contextmanager
def because(event: Event | None) -> Iterator[None]:
    """What is emitted inside happened because of `event`. None leaves the present cause."""
    token = _cause.set(event or _cause.get())
    try:
        yield
    finally:
        _cause.reset(token)


def emit(type: str, *, subject: int | None = None, scene: str = "", actor: str = "", about: str = "",
         at: datetime | None = None, remember: Remembering | None = None, **data: Any) -> Event:
    """Write the event, let `remember` keep it as `last`, run the links. Always inside a transaction."""
    with transaction.atomic():
        event = Event.objects.create(at=at or clock.now(), type=type, subject=subject, scene=scene, actor=actor,
                                     about=about, cause=_cause.get(), data=data)
        if remember is not None:
            remember.last = event
            remember.save(update_fields=["last"])
        with because(event):
            for link in content.every("links"):
                if link.when == type and _matches(link, event):
                    _follow(link, event)
    return event


def _follow(link: Link, event: Event) -> None:
    if link.run == "soon":
        Errand.objects.get_or_create(event=event, link=link.key, defaults={"due_at": clock.now()})
        return
    depth = _depth.get()
    if depth >= MAX_DEPTH:
        raise ContentError(f"联动 {link.key} 绕成了圈(超过 {MAX_DEPTH} 步),请检查 links.yaml")
    token = _depth.set(depth + 1)
    try:
        with transaction.atomic():
            _actions[link.do](event=event, link=link, **link.with_)
    except ContentError:
        raise  # a wrong declaration is not mended by trying again
    except Exception as wrong:  # what one link cannot do must not take the event, an alarm say, with it
        log.exception("联动 %s 执行失败,改为稍后重试", link.key)
        Errand.objects.get_or_create(event=event, link=link.key, defaults={
            "due_at": clock.now(), "error": f"{type(wrong).__name__}: {wrong}"})
    finally:
        _depth.reset(token)


def _matches(link: Link, event: Event) -> bool:
    source = link.scene if link.from_ == "own" else link.from_
    if source != "any" and event.scene not in (source, ""):
        return False
    for name, want in link.if_.items():
        have = event.data.get(name, getattr(event, name, None))
        if have not in (want if isinstance(want, list) else [want]):
            return False
    return True


def run_errands(limit: int = 200) -> int:
    """Run due `soon` links, each in its own transaction; failures back off and keep their error. Returns the number."""
    ran = 0
    for errand in Errand.objects.filter(done_at=None, due_at__lte=clock.now()).order_by("id")[:limit]:
        claimed = Errand.objects.filter(pk=errand.pk, done_at=None, attempts=errand.attempts).update(
            attempts=F("attempts") + 1, due_at=clock.now() + timedelta(seconds=5 * 2**errand.attempts))
        if claimed:
            ran += _run(errand)
    return ran


def _run(errand: Errand) -> int:
    try:
        link = content.get("links", errand.link)
        with transaction.atomic(), because(errand.event):
            _actions[link.do](event=errand.event, link=link, **link.with_)
            Errand.objects.filter(pk=errand.pk).update(done_at=clock.now(), error="")
    except Exception as wrong:
        log.exception("联动 %s 执行失败,将重试", errand.link)
        dead = clock.now() if errand.attempts + 1 >= MAX_ATTEMPTS else None
        Errand.objects.filter(pk=errand.pk).update(error=f"{type(wrong).__name__}: {wrong}", done_at=dead)
        return 0
    return 1


def chain(event: Event) -> list[Event]:
    """Why did this happen? Causes, first one first."""
    out = [event]
    while out[0].cause is not None:
        out.insert(0, out[0].cause)
    return out
