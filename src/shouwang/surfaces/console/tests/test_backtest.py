"""The page and the command of the back-test: who may, what is said, and that both say the same."""

import argparse
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.test import Client

from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point
from shouwang.engines.telemetry import history
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Param
from shouwang.surfaces.cli import backtest as verb
from shouwang.surfaces.console import backtest as page
from shouwang.testing import REGION, Situation

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 20, 8, 0, tzinfo=clock.LOCAL)
GIVEN = {
    "enterprise": "甲厂", "line": "hazchem", "region": REGION, "subject": {"kind": "tank", "name": "T-101"},
    "points": {"level": {"ll": 10, "l": 15, "h": 85, "hh": 90, "deadband": 1, "range_low": 0, "range_high": 100}},
}


@pytest.fixture(autouse=True)
def past(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    """A day of 甲厂's tank: at 50, three times at 82 for ten minutes."""
    settings.DATA = tmp_path
    monkeypatch.setenv("SHOUWANG_DATA", str(tmp_path))
    with clock.at(START):
        play = Situation(GIVEN, "hazchem")
        point = Point.objects.get()
        values = np.full(1440, 50.0)
        for n in range(3):
            values[400 * n:400 * n + 10] = 82
        t = int(START.timestamp() * 1000) - 86_400_000 + np.arange(1440) * 60_000
        history.write_past(np.full(1440, point.pk), t, np.rint(values * 10**point.digits), 0, point.digits)
        yield play


def client(play: Situation, who: str) -> Client:
    signed_in = Client()
    signed_in.force_login(play.cast[who])
    return signed_in


def change() -> str:
    return f"points: {{{Point.objects.get().code}: {{h: 80}}}}"


def test_a_supervisor_sees_what_a_lower_limit_would_have_said(past: Situation) -> None:
    answer = client(past, "county_supervisor").get("/backtest/", {"text": change(), "days": "1"})
    assert answer.status_code == 200
    told = {ln["line"].key: ln["line"].values for ln in answer.context["lines"]}
    assert told["raised"] == [0, 3, 0]
    assert [(o["now"], o["tried"]) for o in answer.context["often"]] == [(0, 3)]
    assert "甲厂" in answer.content.decode()
    assert not Alert.objects.exists()


def test_who_may_not_propose_may_not_try(past: Situation) -> None:
    assert client(past, "safety_manager").get("/backtest/").status_code == 403


@pytest.mark.parametrize(("asked", "said"), [
    ({"param": "hazchem.silent_for"}, "请填写试行值"), ({"text": "params: {no.such: 1}"}, "没有参数"),
    ({"text": "x" * 4001}, "太长"), ({"param": "no.such", "value": "1"}, "没有参数")])
def test_what_cannot_be_tried_is_said_on_the_page(past: Situation, asked: dict[str, str], said: str) -> None:
    answer = client(past, "county_supervisor").get("/backtest/", asked)
    assert (answer.status_code, said in answer.content.decode()) == (200, True)


def test_too_much_for_a_page_is_left_to_the_command(past: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST", 100)
    answer = client(past, "county_supervisor").get("/backtest/", {"text": change()})
    assert "shouwang backtest" in answer.content.decode()
    assert "tested" not in answer.context


def test_every_param_offered_is_one_that_rules_use(past: Situation) -> None:
    offered = {c["path"] for c in page.choices()}
    assert "hazchem.silent_for" in offered
    assert "flows.handle_within" not in offered


def test_a_proposed_limit_leads_to_its_back_test(past: Situation) -> None:
    Param.objects.create(path="hazchem.silent_for", locality="cn_3708", since=clock.today(), value="20m", basis="试",
                         proposed_by="county_supervisor")
    city = client(past, "city_supervisor")
    pages = city.get("/params/hazchem.silent_for/").content.decode(), city.get("/params/").content.decode()
    for shown in pages:
        assert "/backtest/?param=hazchem.silent_for&amp;value=20m&amp;region=3708" in shown
    answer = city.get("/backtest/?param=hazchem.silent_for&value=20m&region=3708&days=1")
    assert answer.context["tested"].readings == 1440
    assert "/backtest/" not in city.get("/params/flows.handle_within/").content.decode()


def test_the_command_says_the_same(past: Situation, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "boot", lambda: None)
    file = tmp_path / "change.yaml"
    file.write_text(change(), "utf8")
    assert verb.run(argparse.Namespace(rules=file, since="1d", region="", json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"]["raised"] == {"now": 0, "tried": 3, "real": 0}
    assert told["readings"] == 1440
    assert all(d["tried"] == 3 for d in told["per_post_per_day"])
    assert verb.run(argparse.Namespace(rules=file, since="1d", region="", json=False)) == 0
    assert "报警总数\t0\t3\t0" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "since"), [("absent.yaml", "1d"), ("change.yaml", "1 day")])
def test_a_command_that_cannot_be_run_says_why(past: Situation, tmp_path: Path, name: str, since: str,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "boot", lambda: None)
    (tmp_path / "change.yaml").write_text(change(), "utf8")
    with pytest.raises(BadInput):
        verb.run(argparse.Namespace(rules=tmp_path / name, since=since, region="", json=False))
