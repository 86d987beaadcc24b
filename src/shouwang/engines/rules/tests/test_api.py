"""The alerts over HTTP: in scope or not there at all."""

from datetime import timedelta
from typing import Any

import pytest
from ninja import NinjaAPI
from ninja.testing import TestClient

from shouwang.engines.rules import judge
from shouwang.engines.rules.api import router
from shouwang.engines.rules.models import Alert
from shouwang.kernel.errors import BadInput, NotAllowed, SignInFirst

from .conftest import START, Cast, Tape

LEVEL = "trial.process_limit"


@pytest.fixture(scope="module")
def client() -> TestClient:
    """The router as the product mounts it, errors by class."""
    api = NinjaAPI(urls_namespace="rules-test")
    for kind, status in ((SignInFirst, 401), (NotAllowed, 403), (BadInput, 422)):
        api.add_exception_handler(kind, lambda request, wrong, status=status: api.create_response(
            request, {"detail": str(wrong)}, status=status))
    api.add_router("/alerts", router)
    return TestClient(api)


@pytest.fixture
def alert(cast: Cast, compiled: int, tape: Tape) -> Alert:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 2, value=95.0), tape(LEVEL, cast.other_level.pk, "raised", 1)])
    return Alert.objects.get(point=cast.level)


def test_a_list_is_a_page_of_what_is_in_scope(client: TestClient, cast: Cast, alert: Alert) -> None:
    body = client.get("/alerts/?level=red&limit=1", user=cast.people["county"]).json()
    assert (body["count"], body["items"][0]["id"], body["items"][0]["state"]) == (1, alert.pk, "B")
    assert body["items"][0]["enterprise"]["name"] == "甲厂"
    assert client.get("/alerts/", user=cast.people["city"]).json()["count"] == 2
    assert client.get("/alerts/", user=cast.people["officer"]).json()["count"] == 1


def test_out_of_scope_does_not_exist(client: TestClient, cast: Cast, alert: Alert) -> None:
    for path in (f"/alerts/{alert.pk}", f"/alerts/{alert.pk}/changes"):
        assert client.get(path, user=cast.people["manager"]).status_code == 200
        assert client.get(path, user=cast.people["officer"]).status_code == 404
    assert client.get("/alerts/", user=cast.people["stranger"]).status_code == 403


def test_acknowledge_and_shelve(client: TestClient, cast: Cast, alert: Alert) -> None:
    path = f"/alerts/{alert.pk}"
    told = client.post(f"{path}/acknowledge", json={"note": "知道了"}, user=cast.people["manager"]).json()
    assert (told["state"], told["acked_by"]) == ("C", "manager")
    until = (START + timedelta(minutes=30)).isoformat()
    body = {"until": until, "reason": "检修"}
    assert client.post(f"{path}/shelve", json=body, user=cast.people["manager"]).status_code == 403
    assert client.post(f"{path}/shelve", json={**body, "reason": ""}, user=cast.people["county"]).status_code == 422
    assert client.post(f"{path}/shelve", json=body, user=cast.people["county"]).json()["state"] == "E"
    assert client.post(f"{path}/unshelve", json={}, user=cast.people["county"]).json()["state"] == "C"
    kinds = [c["kind"] for c in client.get(f"{path}/changes", user=cast.people["county"]).json()]
    assert kinds == ["raised", "acknowledged", "shelved", "unshelved"]


def test_counts_trend_and_regions(client: TestClient, cast: Cast, alert: Alert) -> None:
    user = cast.people["city"]
    assert client.get("/alerts/counts", user=user).json()["levels"] == {"red": 1, "orange": 0, "yellow": 1, "blue": 0}
    assert [h["total"] for h in client.get("/alerts/trend?hours=2", user=user).json()] == [0, 2]
    assert {r["code"]: r["worst"] for r in client.get("/alerts/regions?region=3708", user=user).json()} == {
        "370811": "yellow", "370829": "red"}


def test_every_operation_has_an_access_rule() -> None:
    views: list[Any] = [op.view_func for p in router.path_operations.values() for op in p.operations]
    assert len(views) == 10
    assert all(getattr(v, "access", "") for v in views)
