"""Two beats at once on PostgreSQL, where they really run side by side: every step is still taken once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from shouwang.engines.flows import climb, move
from shouwang.engines.flows.models import Matter
from shouwang.engines.notify import send
from shouwang.engines.notify.models import Notice, Post
from shouwang.kernel import clock, events
from shouwang.kernel.errors import NotAllowed
from shouwang.kernel.models import Event

from .conftest import Cast, alert, only
from .test_move import FORM

pytestmark = [pytest.mark.service, pytest.mark.django_db(transaction=True)]
MATTERS = 30


@pytest.fixture(autouse=True)
def server() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs SHOUWANG_DATABASE=postgresql://…; SQLite lets one writer in at a time")


def together(*work: object) -> list[Exception]:
    """Everything at the same moment, each on its own connection; what they raised."""
    start, wrong = threading.Barrier(len(work)), []

    def run(do: object) -> None:
        start.wait()
        try:
            do()  # type: ignore[operator]
        except Exception as e:
            wrong.append(e)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(w,)) for w in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_每级只升一次_每条只记一次(cast: Cast, desks: dict[str, Post]) -> None:
    for n in range(MATTERS):
        alert(cast.tank, about=f"alert:{n}")
    clock.advance(timedelta(minutes=61))

    def beat() -> None:
        while climb.tick(50) or events.run_errands():
            pass
        send.tick()

    assert together(beat, beat, beat) == []
    assert Event.objects.filter(type="flows.overdue").count() == MATTERS
    assert Event.objects.filter(type="flows.escalated").count() == MATTERS * 3
    assert Matter.objects.filter(rung=3, late=1).count() == MATTERS
    assert Notice.objects.filter(post__isnull=False).count() == MATTERS * 3


def test_两人同时提交_只成一次(cast: Cast) -> None:
    alert(cast.tank)
    seen = only()
    wrong = together(*[lambda: move.act(seen, "submit", cast.manager, FORM, revision=0)] * 4)
    assert [type(w) for w in wrong] == [NotAllowed] * 3
    assert Event.objects.filter(type="flows.acted").count() == 1


def test_同一报警同时派单_只开一件(cast: Cast) -> None:
    assert together(*[lambda: alert(cast.tank)] * 4) == []
    assert Matter.objects.count() == 1
