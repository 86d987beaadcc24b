"""From the registry to the plan, credentials shown once, and the API that keeps to everyone's reach."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client

from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry import compile as plans
from shouwang.engines.telemetry import credentials, history
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import clock, content
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account, Event, Grant

pytestmark = pytest.mark.django_db


def enterprise(name: str, region: str) -> Subject:
    row = Subject.objects.create(kind="enterprise", code=name, name=name, region=region, line="hazchem")
    Subject.objects.filter(pk=row.pk).update(top=row)
    row.refresh_from_db()
    return row


def point(firm: Subject, code: str, **facts: Any) -> Point:
    return Point.objects.create(**{"subject": firm, "code": code, "name": code, "quantity": "temperature",
                                   "unit": "℃", "digits": 1, **facts})


def account(role: str, region: str = "", subject: int | None = None) -> Account:
    row = Account.objects.create_user(role + region, "x" * 12, name=role)
    Grant.objects.create(account=row, role=role, region=region, subject=subject)
    return row


def signed_in(who: Account) -> Client:
    client = Client()
    client.force_login(who)
    return client


def test_plan_of_the_registry() -> None:
    firm = enterprise("甲厂", "370829001")
    gateway, token = credentials.make_source("网关一", enterprise=firm)
    lone, _ = credentials.make_source("独立设备", "device")
    tank = point(firm, "T1", range_low=Decimal("-5.25"), range_high=Decimal("150"))
    kelvin = point(firm, "T2", unit="K", digits=2)
    off, loose, alone = point(firm, "T3", enabled=False), point(firm, "T4"), point(firm, "P1", quantity="pressure",
                                                                                   unit="kPa", digits=0)
    Channel.objects.create(point=tank, source=gateway, device="PLC1", key="t")
    Channel.objects.create(point=kelvin, source=gateway, device="PLC1", key="k")
    Channel.objects.create(point=off, source=gateway, device="PLC1", key="off")
    Channel.objects.create(point=alone, source=lone, device="", key="p")
    plan = plans.build(4)
    assert plan.version == 4
    assert plan.points["id"].tolist() == [tank.pk, kelvin.pk, alone.pk]
    assert loose.pk not in plan.index
    assert plan.points["low"].tolist()[0] == -53
    assert plan.points["high"].tolist()[0] == 1500
    assert plan.points["low"].tolist()[1] == 7315  # the plausible -200 ℃ in hundredths of K
    assert plan.points["high"].tolist()[2] == 100_000  # 100 MPa in kPa
    assert [s.addresses for s in plan.sources] == [{"PLC1": {"t": 0, "k": 1}}, {"独立设备": {"p": 2}}]
    assert plan.sources[0].token_hash == credentials.digest(token)
    factor, offset = plan.units[0].units["K"]
    assert 300 * factor + offset == pytest.approx(26.85)
    factor, offset = plan.units[1].units["℉"]
    assert 212 * factor + offset == pytest.approx(373.15)
    factor, _ = plan.units[2].units["bar"]
    assert factor == pytest.approx(100)
    assert content.get("quantities", "pressure").unit == "MPa"


def test_a_withdrawn_source_keeps_its_points_and_lets_nobody_in() -> None:
    firm = enterprise("甲厂", "370829001")
    source, token = credentials.make_source("网关一", enterprise=firm)
    Channel.objects.create(point=point(firm, "T1"), source=source, device="D", key="t")
    credentials.disable(source, actor="王")
    plan = plans.build(1)
    assert len(plan.points) == 1
    assert (plan.sources[0].addresses, plan.sources[0].token_hash == credentials.digest(token)) == ({}, False)
    credentials.enable(source)
    fresh = credentials.rotate(source)
    assert plans.build(2).sources[0].token_hash == credentials.digest(fresh) != credentials.digest(token)
    kinds = list(Event.objects.filter(about=f"source:{source.pk}").values_list("type", flat=True))
    assert kinds == ["telemetry.source_made", "telemetry.source_disabled", "telemetry.source_enabled",
                     "telemetry.token_renewed"]
    assert not Event.objects.filter(data__icontains=token).exists()


def test_wrong_sources_are_refused() -> None:
    credentials.make_source("网关一", token="demo-token-1")
    for wrong in ({"name": "网关一"}, {"name": " "}, {"name": "b", "kind": "cloud"}, {"name": "c", "token": "short"},
                  {"name": "d", "token": "demo-token-1"}):
        with pytest.raises(BadInput):
            credentials.make_source(**wrong)
    assert Source.objects.count() == 1


@pytest.mark.urls("shouwang.engines.telemetry.tests.urls")
def test_api_gives_curves_and_sources_in_reach_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_DATA", str(tmp_path))
    mine, other = enterprise("甲厂", "370829001"), enterprise("乙厂", "370831001")
    credentials.make_source("网关甲", enterprise=mine)
    credentials.make_source("网关乙", enterprise=other)
    near, far = point(mine, "T1"), point(other, "T2")
    now = clock.now_ms()
    history.write_past(np.full(3, near.pk), now - np.array([3000, 2000, 1000]), [201, 0, 203], [0, 5, 0], 1, tmp_path)
    client = signed_in(account("engineer", "370829"))
    curve = client.get(f"/api/v1/points/{near.pk}/series").json()
    assert (curve["v"], curve["q"], curve["bucket_ms"], curve["unit"]) == ([20.1, None, 20.3], [0, 5, 0], 0, "℃")
    assert client.get(f"/api/v1/points/{far.pk}/series").status_code == 404
    assert client.get(f"/api/v1/points/{near.pk}/series?since=2026-01-01T00:00:00").status_code == 400
    told = client.get(f"/api/v1/latest?points={near.pk},{far.pk}").json()
    assert told == [{"point": near.pk, "t": None, "value": None, "quality": None, "unit": "℃"}]
    assert [s["name"] for s in client.get("/api/v1/sources").json()] == ["网关甲"]
    assert client.get("/api/v1/ingest/health").json()["problem"] == "接入进程未运行"
    made = client.post("/api/v1/sources", json.dumps({"name": "新", "enterprise_id": mine.pk}), "application/json")
    assert made.status_code == 201
    assert Source.objects.get(pk=made.json()["id"]).token_hash == credentials.digest(made.json()["token"])
    for wrong in ({"name": "新2", "enterprise_id": other.pk}, {"name": "新3"}):
        assert client.post("/api/v1/sources", json.dumps(wrong), "application/json").status_code == 403
    theirs = Source.objects.get(name="网关乙")
    assert client.post(f"/api/v1/sources/{theirs.pk}/disable").status_code == 404
    assert signed_in(account("leader", "3708")).get("/api/v1/sources").status_code == 403
    assert Client().get("/api/v1/sources").status_code == 401
