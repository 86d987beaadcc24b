"""The journal of an alert as evidence: chained as it grows, back-filled where it stood before, exported and audited."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from shouwang.engines.rules import act, chain, evidence, judge, read
from shouwang.engines.rules.models import Alert, AlertChange
from shouwang.kernel import append_only
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Event
from shouwang.surfaces.cli import evidence as export_verb
from shouwang.surfaces.cli import verify as verify_verb

from .conftest import START, Cast, Tape

LEVEL = "trial.process_limit"
TABLE = "rules_alertchange"


@pytest.fixture(autouse=True)
def _as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verbs read the trial scene that is declared already."""
    monkeypatch.setattr(export_verb, "boot", lambda: None)


@pytest.fixture
def alert(cast: Cast, compiled: int, tape: Tape) -> Alert:
    """Over the limit, acknowledged, graver, over."""
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1, value=86.0)])
    act.acknowledge(Alert.objects.get(), cast.people["manager"], "已派人去看")
    judge.apply([tape(LEVEL, cast.level.pk, "upgraded", 2, value=95.0),
                 tape(LEVEL, cast.level.pk, "cleared", 0, value=50.0)])
    return Alert.objects.select_related("point", "subject", "top").get()


def damage(sql: str, *given: Any) -> None:
    """Change the table as somebody who takes the protection off first."""
    append_only.unprotect(connection, TABLE)
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
    append_only.protect(connection, TABLE)


def test_every_line_holds_to_the_one_before(alert: Alert) -> None:
    lines = list(read.journal(alert))
    assert [(x.place, x.kind) for x in lines] == [(1, "raised"), (2, "acknowledged"), (3, "upgraded"), (4, "cleared")]
    assert [x.prev for x in lines] == ["", *(x.hash for x in lines[:-1])]
    assert all(x.hash == chain.digest(x.record()) for x in lines)
    assert list(evidence.broken_lines()) == []


def test_two_lines_cannot_take_the_same_place(alert: Alert) -> None:
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute(f"INSERT INTO {TABLE} (alert_id, rule, point, at, recorded_at, kind, level, actor, note, data, "
                       f"place, prev, hash) SELECT alert_id, rule, point, at, recorded_at, kind, level, actor, note, "
                       f"data, place, prev, hash FROM {TABLE} WHERE place = 1")


def test_a_line_changed_in_the_database_is_found(alert: Alert) -> None:
    damage(f"UPDATE {TABLE} SET value = 80 WHERE place = 3")
    assert [(x.place, "被改动" in why) for x, why in evidence.broken_lines()] == [(3, True)]
    assert chain.verify(evidence.export(alert, "li")).place == 3


def test_a_line_deleted_in_the_database_is_found(alert: Alert) -> None:
    damage(f"DELETE FROM {TABLE} WHERE place = 2")
    assert [(x.place, "删去" in why) for x, why in evidence.broken_lines()] == [(3, True)]


def test_lines_cut_off_at_the_end_are_found_by_their_events(alert: Alert) -> None:
    assert list(evidence.missing_lines()) == []
    damage(f"DELETE FROM {TABLE} WHERE place >= 3")
    assert list(evidence.broken_lines()) == []
    assert list(evidence.missing_lines()) == [(alert.pk, "cleared", 1), (alert.pk, "upgraded", 1)]
    assert export_verb.run(argparse.Namespace(alert=None, journal=True, out=None)) == 1


def test_the_export_verifies_and_its_seal_stands_in_the_audit_trail(cast: Cast, alert: Alert) -> None:
    content = evidence.for_account(alert, cast.people["county"])
    found = chain.verify(content)
    assert (found.ok, found.alert, found.counts[0]) == (True, alert.pk, 4)
    told = json.loads(content)
    assert told["alert"]["enterprise"]["name"] == alert.top.name
    assert [x["note"] for x in told["changes"]][1] == "已派人去看"
    assert {x["type"] for x in told["events"]} >= {"rules.alert_raised", "rules.alert_acknowledged"}
    audit = Event.objects.filter(type="rules.evidence_exported").get()
    assert (audit.actor, audit.data["seal"]) == (cast.people["county"].username, found.seal)


def test_events_of_its_matter_come_along_only_where_matters_may_be_seen(cast: Cast, alert: Alert) -> None:
    raised = Event.objects.get(type="rules.alert_raised")
    Event.objects.create(at=START, type="flows.opened", about="matter:7", cause=raised)
    Event.objects.create(at=START, type="flows.acted", about="matter:7", actor="manager")

    def told(**kw: Any) -> set[str]:
        return {x["type"] for x in json.loads(evidence.export(alert, "li", **kw))["events"]}

    assert told() >= {"flows.opened", "flows.acted"}
    assert not told(matters=False) & {"flows.opened", "flows.acted"}


def test_over_http_it_is_a_file_within_reach_only(cast: Cast, alert: Alert) -> None:
    client = Client()
    client.force_login(cast.people["county"])
    for path in (f"/api/v1/alerts/{alert.pk}/evidence", f"/warnings/{alert.pk}/evidence/"):
        reply = client.get(path)
        assert f"evidence-A{alert.pk}.json" in reply["Content-Disposition"]
        assert chain.verify(reply.content).ok
    client.force_login(cast.people["stranger"])
    assert client.get(f"/api/v1/alerts/{alert.pk}/evidence").status_code in (403, 404)


def test_the_commands_export_verify_and_check(alert: Alert, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "e.json"
    assert export_verb.run(argparse.Namespace(alert=f"A{alert.pk}", journal=False, out=out)) == 0
    assert verify_verb.run(argparse.Namespace(file=out, json=False)) == 0
    assert "完好" in capsys.readouterr().out
    out.write_bytes(out.read_bytes().replace(b'"value":95.0', b'"value":59.0'))
    assert verify_verb.run(argparse.Namespace(file=out, json=False)) == 1
    assert "报警变化第 3 条" in capsys.readouterr().out
    assert export_verb.run(argparse.Namespace(alert=None, journal=True, out=None)) == 0
    damage(f"UPDATE {TABLE} SET note = '' WHERE place = 2")
    assert export_verb.run(argparse.Namespace(alert=None, journal=True, out=None)) == 1
    assert "第 2 条" in capsys.readouterr().out


@pytest.mark.parametrize("which", ["A999999", "x", "M3"])
def test_an_alert_that_is_not_there_is_said_so(alert: Alert, which: str) -> None:
    with pytest.raises(BadInput, match="没有报警"):
        export_verb.run(argparse.Namespace(alert=which, journal=False, out=None))


@pytest.mark.django_db(transaction=True)
def test_what_stood_before_the_chain_is_chained_by_the_migration(alert: Alert) -> None:
    kept = list(AlertChange.objects.order_by("id").values_list("id", "hash", "place"))
    MigrationExecutor(connection).migrate([("rules", "0003_intake_epoch")])
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    assert list(AlertChange.objects.order_by("id").values_list("id", "hash", "place")) == kept
    assert list(evidence.broken_lines()) == []
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AlertChange.objects.update(note="")
