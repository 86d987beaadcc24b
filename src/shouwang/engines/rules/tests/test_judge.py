"""Transitions become episodes once, in order, all or nothing; what is known of an alert is a fold of its journal."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shouwang.engines.flows.models import Matter
from shouwang.engines.rules import judge, read
from shouwang.engines.rules.models import Alert, AlertChange, Intake
from shouwang.engines.telemetry import journal
from shouwang.engines.telemetry.journal import Transition
from shouwang.kernel import clock, conditions, events
from shouwang.kernel.models import Event

from . import conftest
from .conftest import START, Cast, Tape

LEVEL = "trial.process_limit"


def lines(alert: Alert) -> list[tuple[str, str]]:
    return [(c.kind, c.level) for c in read.journal(alert)]


def types() -> list[str]:
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def test_an_episode_from_raised_to_cleared(cast: Cast, compiled: int, tape: Tape) -> None:
    p = cast.level.pk
    assert judge.apply([
        tape(LEVEL, p, "raised", 1, at=3, since=0, value=86.0),
        tape(LEVEL, p, "upgraded", 2, at=10, value=95.5, limit=90.0),
        tape(LEVEL, p, "downgraded", 1, at=20, value=87.0), tape(LEVEL, p, "cleared", 0, at=60, value=80.0)]) == 4
    alert = Alert.objects.get()
    assert (alert.active, alert.level, alert.highest, alert.tier, alert.kind) == (False, "yellow", "red", 1, "limit")
    assert (alert.opened_at, alert.raised_at, alert.cleared_at) == (
        START, START + timedelta(seconds=3), START + timedelta(seconds=60))
    assert (alert.first_value, alert.worst_value, alert.last_value, alert.limit_value) == (86.0, 95.5, 80.0, 85.0)
    assert (alert.subject, alert.top, alert.region, alert.line, alert.unit) == (
        cast.tank, cast.jia, "370829001", "hazchem", "%")
    assert alert.basis["text"] == "企业工艺控制指标(点位参数)"
    assert lines(alert) == [("raised", "yellow"), ("upgraded", "red"), ("downgraded", "yellow"), ("cleared", "yellow")]
    assert types() == [f"rules.alert_{k}" for k in ("raised", "upgraded", "downgraded", "cleared")]


def test_the_events_carry_the_evidence_and_one_chain(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 2, value=95.0, limit=90.0),
                 tape(LEVEL, cast.level.pk, "cleared", 0, at=9)])
    alert, first = Alert.objects.get(), Event.objects.earliest("id")
    told = {"alert": alert.pk, "rule": LEVEL, "level": "red", "highest": "red", "value": 95.0, "limit": 90.0,
            "unit": "%", "point": cast.level.pk, "title": "一号罐LT-101 高高报"}
    assert told.items() <= first.data.items()
    assert (first.subject, first.scene, first.about) == (cast.tank.pk, "trial", f"alert:{alert.pk}")
    assert [e.type for e in events.chain(alert.last)] == ["rules.alert_raised", "rules.alert_cleared"]


def test_a_replay_of_anything_changes_nothing(cast: Cast, compiled: int, tape: Tape) -> None:
    told = [tape(LEVEL, cast.level.pk, "raised", 1), tape(LEVEL, cast.level.pk, "cleared", 0, at=9),
            tape(LEVEL, cast.level.pk, "raised", 1, at=20)]
    assert judge.apply(told[:2]) == 2
    assert judge.apply(told[:2]) == 0
    assert judge.apply(told) == 1
    Intake.objects.update(position=0)  # the position lost: (rule, point, seq) still holds
    assert judge.apply(told) == 0
    assert (Alert.objects.count(), AlertChange.objects.count(), len(types())) == (2, 3, 3)
    assert judge.position() == 3


def test_a_failure_in_the_middle_leaves_nothing_behind(cast: Cast, compiled: int, tape: Tape,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    told = [tape(LEVEL, cast.level.pk, "raised", 1), tape(LEVEL, cast.other_level.pk, "raised", 2)]
    with monkeypatch.context() as broken:
        broken.setitem(judge.EVENT_OF, "raised", "x" * 2000)
        broken.setattr(judge, "title", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            judge.apply(told)
    assert (Alert.objects.count(), types(), judge.position()) == (0, [], 0)
    assert judge.apply(told) == 2


def test_the_journal_is_drained_in_batches_and_told_how_far(cast: Cast, compiled: int, tape: Tape, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "BATCH", 2)
    folder = tmp_path / "journal"
    writer = journal.Writer(folder)
    told = [tape(LEVEL, cast.level.pk, "raised" if n % 2 == 0 else "cleared", 1 - n % 2, at=n) for n in range(7)]
    writer.append(told[:5])
    assert judge.drain(folder) == 5
    writer.append(told[5:])
    assert judge.drain(folder) == 2
    assert judge.drain(folder) == 0
    assert (judge.position(), (folder / "APPLIED").read_text()) == (7, "7")
    assert Alert.objects.filter(active=True).count() == 1


def test_a_journal_begun_anew_is_noticed_and_nothing_of_it_is_taken_for_old(cast: Cast, compiled: int, tape: Tape,
                                                                            tmp_path: Path) -> None:
    judge.drain(tmp_path / "empty")
    for name in ("old", "new"):  # the data folder of the ingest process was lost: numbers begin at 1 again
        tape.n, tape.seq = 0, {}
        writer = journal.Writer(tmp_path / name)
        writer.append([tape(LEVEL, cast.level.pk, "raised", 1), tape(LEVEL, cast.level.pk, "cleared", 0, at=9)])
        assert judge.drain(tmp_path / name) == 2
        assert judge.drain(tmp_path / name) == 0
    assert Alert.objects.count() == 2


def test_the_level_decides_what_is_up_and_what_is_down(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1), tape(LEVEL, cast.level.pk, "upgraded", -1, at=5)])
    assert lines(Alert.objects.get()) == [("raised", "yellow"), ("downgraded", "blue")]  # H yellow, L blue


def test_an_upgrade_asks_to_be_acknowledged_again(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1)])
    Alert.objects.update(acked_at=START, acked_by="county")
    judge.apply([tape(LEVEL, cast.level.pk, "upgraded", 2, at=5)])
    assert Alert.objects.get().acked_at is None
    Alert.objects.update(acked_at=START, acked_by="county")
    judge.apply([tape(LEVEL, cast.level.pk, "downgraded", 1, at=9)])
    assert Alert.objects.get().acked_at == START


def test_no_data_is_shown_and_never_clears(cast: Cast, compiled: int, tape: Tape) -> None:
    p = cast.level.pk
    judge.apply([tape(LEVEL, p, "raised", 1), tape("trial.silence", p, "raised", 1, at=300, value=None, limit=None,
                                                   quality="no_data"),
                 tape(LEVEL, p, "quality", 1, at=300, quality="no_data")])
    over = Alert.objects.get(rule=LEVEL)
    assert (over.active, over.quality) == (True, "no_data")
    assert Alert.objects.get(rule="trial.silence").kind == "no_data"
    assert types() == ["rules.alert_raised"] * 2  # a change of quality is a line of the journal, not an event
    assert lines(over)[-1] == ("quality", "yellow")


def test_a_retired_check_closes_its_alert_and_says_so(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 2), tape(LEVEL, cast.level.pk, "retired", 0, at=9)])
    alert = Alert.objects.get()
    assert (alert.active, lines(alert)[-1], types()[-1]) == (False, ("retired", "red"), "rules.alert_retired")


def test_words_come_from_the_plan_it_was_judged_under(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape("trial.gone", cast.level.pk, "raised", 1), tape(LEVEL, 10**9, "raised", 1),
                 tape(LEVEL, cast.level.pk, "cleared", 0), tape("trial.gas", cast.gas.pk, "raised", 1, version=99)])
    assert [a.rule for a in Alert.objects.all()] == ["trial.gas"]  # unknown rule, point, nothing open: passed over
    assert judge.position() == 4


def test_an_open_alert_raised_again_goes_on(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1), tape(LEVEL, cast.level.pk, "raised", 2, at=9)])
    assert lines(Alert.objects.get()) == [("raised", "yellow"), ("upgraded", "red")]


@pytest.mark.parametrize(("tier", "value", "said"), [(1, 86.0, "高于限值 85%"), (-1, 14.0, "低于限值 15%")])
def test_recovered_says_why_not(cast: Cast, compiled: int, tape: Tape, tier: int, value: float, said: str) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", tier, value=value, limit=85.0 if tier > 0 else 15.0)])
    about = f"alert:{Alert.objects.get().pk}"
    why = conditions.unmet("rules.recovered", about)
    assert f"当前 {value:g}%" in why
    assert said in why
    judge.apply([tape(LEVEL, cast.level.pk, "quality", tier, quality="no_data")])
    assert "数据中断,不能视为恢复" in conditions.unmet("rules.recovered", about)
    judge.apply([tape(LEVEL, cast.level.pk, "cleared", 0)])
    assert conditions.unmet("rules.recovered", about) == ""
    assert conditions.unmet("rules.recovered", "") == ""


def test_between_limit_and_reset_it_is_not_recovered(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1, value=84.5)])
    assert "尚未恢复" in conditions.unmet("rules.recovered", f"alert:{Alert.objects.get().pk}")


def test_a_batch_is_read_in_a_few_queries(cast: Cast, compiled: int, tape: Tape) -> None:
    with CaptureQueriesContext(connection) as few:
        judge.apply([tape(LEVEL, cast.level.pk, "raised", 1)])
    with CaptureQueriesContext(connection) as many:
        judge.apply([tape(LEVEL, p, k, t) for k, t in (("cleared", 0), ("raised", 1)) * 4
                     for p in (cast.level.pk, cast.other_level.pk) if (p, k) != (cast.other_level.pk, "cleared")])
    selects = [sum(q["sql"].startswith("SELECT") for q in c.captured_queries) for c in (few, many)]
    assert selects[1] == selects[0]


def episodes(cast: Cast, tape: Tape, version: int, n: int) -> list[Transition]:
    return [tape(LEVEL, p.pk, k, t, at=i, version=version) for i in range(n)
            for k, t in (("raised", 1), ("upgraded", 2), ("cleared", 0)) for p in (cast.level, cast.other_level)]


def test_a_transition_costs_five_statements_of_ours(cast: Cast, compiled: int, tape: Tape) -> None:
    with CaptureQueriesContext(connection) as seen:
        judge.apply(episodes(cast, tape, compiled, 20))
    assert len(seen.captured_queries) <= 12 + 120 * 5  # event in its savepoint (3), alert (1), its last event (1)


def test_links_open_a_matter_in_the_same_transaction(cast: Cast, tape: Tape, tmp_path: Path, trial: Path) -> None:
    conftest.read_anew(conftest.write_scene(tmp_path, links="- {like: warning_loop}\n"))
    try:
        version = conftest.plan.compile_plan()
        judge.apply(episodes(cast, tape, version, 1))
        matter = Matter.objects.get(about=f"alert:{Alert.objects.get(point=cast.level).pk}")
        assert (matter.level, matter.subject, matter.title) == ("red", cast.tank, "一号罐LT-101 高报")
        assert [e.type for e in events.chain(matter.last)][:2] == ["rules.alert_raised", "rules.alert_upgraded"]
    finally:
        conftest.read_anew(trial)


def test_the_clock_of_the_record_is_ours(cast: Cast, compiled: int, tape: Tape) -> None:
    with clock.at(START + timedelta(hours=2)):
        judge.apply([tape(LEVEL, cast.level.pk, "raised", 1)])
    assert Alert.objects.get().recorded_at == START + timedelta(hours=2)
