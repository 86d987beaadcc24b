"""Events carry their cause through links, deadlines and clicks; `soon` links are claimed once and retried."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from shouwang.kernel import clock, content, events
from shouwang.kernel.errors import ContentError
from shouwang.kernel.models import Errand, Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def links(monkeypatch):
    declared: list[events.Link] = []
    real = content.every
    monkeypatch.setattr(content, "every", lambda kind: declared if kind == "links" else real(kind))
    monkeypatch.setattr(content, "get", lambda kind, key: next(ln for ln in declared if ln.key == key))
    monkeypatch.setattr(events, "_actions", dict(events._actions))
    return declared


def link(**facts):
    return events.Link(**{"id": "l", "title": "联", "scene": "s", "when": "a.happened", "do": "b.do", **facts})


def test_a_now_link_runs_in_the_same_transaction_and_keeps_the_cause(links):
    links.append(link())
    events.action("b.do")(lambda *, event, link: events.emit("b.done", scene="s"))
    first = events.emit("a.happened", scene="s", subject=7)
    done = Event.objects.get(type="b.done")
    assert [e.type for e in events.chain(done)] == ["a.happened", "b.done"]
    assert done.cause_id == first.pk


def test_a_failing_now_link_is_undone_alone_and_tried_again(links):
    links.append(link())
    tries = []

    def fail_once(*, event, link):
        tries.append(events.emit("b.begun", scene="s"))
        if len(tries) == 1:
            raise RuntimeError("没连上")

    events.action("b.do")(fail_once)
    first = events.emit("a.happened", scene="s")
    assert [e.type for e in Event.objects.order_by("id")] == ["a.happened"]
    assert "没连上" in Errand.objects.get().error
    assert events.run_errands() == 1
    assert events.chain(Event.objects.get(type="b.begun")) == [first, tries[1]]


@pytest.mark.parametrize(("condition", "data", "runs"), [
    ({}, {}, True), ({"level": "red"}, {"level": "red"}, True), ({"level": "red"}, {"level": "blue"}, False),
    ({"level": ["red", "orange"]}, {"level": "orange"}, True), ({"level": "red"}, {}, False)])
def test_conditions(links, condition, data, runs):
    ran = []
    links.append(link(**{"if": condition}))
    events.action("b.do")(lambda *, event, link: ran.append(event))
    events.emit("a.happened", scene="s", **data)
    assert bool(ran) is runs


def test_own_scene_by_default_any_when_asked(links):
    ran = []
    links += [link(), link(id="wide", **{"from": "any"})]
    events.action("b.do")(lambda *, event, link: ran.append(link.id))
    events.emit("a.happened", scene="other")
    assert ran == ["wide"]


def test_a_loop_of_links_is_stopped_with_its_name(links):
    links.append(link(do="a.again"))
    events.action("a.again")(lambda *, event, link: events.emit("a.happened", scene="s"))
    with pytest.raises(ContentError, match="绕成了圈"):
        events.emit("a.happened", scene="s")


def test_a_row_remembers_why_it_is_where_it_is(links):
    from shouwang.engines.notify.models import Notice

    row = Notice.objects.create(text="t", created_at=clock.now())
    first = events.emit("a.happened", remember=row)
    row.refresh_from_db()
    with events.because(row.last):
        later = events.emit("c.later")
    assert events.chain(later)[0] == first


def test_soon_links_run_once_and_retry_with_back_off(links):
    ran = []
    links.append(link(run="soon"))

    def sometimes(*, event, link):
        ran.append(event.pk)
        if len(ran) == 1:
            raise RuntimeError("没连上")

    events.action("b.do")(sometimes)
    start = datetime(2026, 6, 1, tzinfo=UTC)
    with clock.at(start):
        events.emit("a.happened", scene="s")
        assert ran == []
        assert events.run_errands() == 0
        assert "没连上" in Errand.objects.get().error
        assert events.run_errands() == 0
        assert len(ran) == 1
    with clock.at(start + timedelta(seconds=6)):
        assert events.run_errands() == 1
        assert events.run_errands() == 0
    assert len(ran) == 2


def test_the_audit_trail_cannot_be_changed_or_deleted():
    event = events.emit("a.happened")
    for statement in ("UPDATE kernel_event SET type = 'x'", "DELETE FROM kernel_event"):
        with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert Event.objects.get() == event
