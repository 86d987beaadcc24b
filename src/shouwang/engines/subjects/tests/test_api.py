"""The registry's API through real HTTP requests of the ninja test client."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.testing import TestClient

from shouwang.engines.subjects import api, credit_code, import_rows, sheets
from shouwang.engines.subjects.models import Point, Subject
from shouwang.kernel.errors import BadInput, NotAllowed, ShouwangError, SignInFirst

from .conftest import Cast

STATUS = {SignInFirst: 401, NotAllowed: 403, BadInput: 400}
mounted = NinjaAPI(urls_namespace="subjects-test")
mounted.add_router("", api.router)


@mounted.exception_handler(ShouwangError)
def told(request: HttpRequest, wrong: ShouwangError) -> HttpResponse:
    return mounted.create_response(request, {"detail": str(wrong)}, status=STATUS.get(type(wrong), 400))


client = TestClient(mounted)
HEAD = ["统一社会信用代码", "名称", "区划代码", "行业线"]


def test_lists_are_narrowed_and_paged(cast: Cast) -> None:
    body = client.get("/subjects?kind=enterprise", user=cast.city).json()
    assert (body["count"], [s["name"] for s in body["items"]]) == (2, ["甲厂", "乙厂"])
    assert client.get("/subjects", user=cast.manager).json()["count"] == 2
    assert client.get("/points?limit=1", user=cast.manager).json()["items"][0]["h"] == 85
    assert [r["code"] for r in client.get("/regions?parent=370800", user=cast.city).json()] == ["370829", "370830"]


def test_who_may(cast: Cast) -> None:
    assert client.get("/subjects").status_code == 401
    assert client.get("/subjects", user=cast.stranger).status_code == 403
    assert (
        client.post("/subjects", json={"kind": "enterprise", "code": "x", "name": "y"}, user=cast.manager).status_code
        == 403
    )
    assert client.get(f"/subjects/{cast.yi.pk}", user=cast.jiaxiang).status_code == 404
    for operation in (o for view in api.router.path_operations.values() for o in view.operations):
        assert getattr(operation.view_func, "access", ""), operation.path


def test_enter_correct_stop(cast: Cast) -> None:
    code = credit_code.make("91370829MA9000011")
    made = client.post(
        "/subjects", json={"kind": "enterprise", "code": code, "name": "丙", "region": "370829"}, user=cast.city
    ).json()
    assert client.patch(f"/subjects/{made['id']}", json={"name": "丙厂"}, user=cast.city).json()["name"] == "丙厂"
    done = client.post(
        f"/subjects/{made['id']}/status", json={"status": "stopped", "reason": "停产"}, user=cast.city
    ).json()
    assert done["status"] == "stopped"
    wrong = client.post(
        "/subjects", json={"kind": "enterprise", "code": code, "name": "丁", "region": "370829"}, user=cast.city
    )
    assert (wrong.status_code, "已有编码" in wrong.json()["detail"]) == (400, True)


def test_limits(cast: Cast) -> None:
    url = f"/points/{cast.level.pk}/limits"
    assert client.post(url, json={"limits": {"h": 80.5}, "reason": "工艺卡片"}, user=cast.city).json()["h"] == 80.5
    assert client.post(url, json={"limits": {"h": 99}, "reason": "工艺卡片"}, user=cast.city).status_code == 400
    assert Point.objects.get(pk=cast.level.pk).h == pytest.approx(80.5)


def test_import_and_export(cast: Cast) -> None:
    code = credit_code.make("91370829MA9000012")
    file = sheets.write(HEAD, [[code, "丙厂", "370829", "hazchem"]], "csv")
    upload = {"file": SimpleUploadedFile("a.csv", file)}
    dry = client.post("/import/enterprise/dry-run", FILES=upload, user=cast.city).json()
    assert (dry["ok"], dry["create"]) == (True, 1)
    upload = {"file": SimpleUploadedFile("a.csv", file)}
    done = client.post("/import/enterprise/commit", data={"digest": dry["digest"]}, FILES=upload, user=cast.city)
    assert done.json()["committed"] is True
    out = client.get("/subjects/export?kind=enterprise&format=csv", user=cast.jiaxiang)
    assert "attachment" in out.headers["Content-Disposition"]
    again = import_rows.dry_run("enterprise", out.content, "a.csv", cast.city)
    assert (again.rows, again.same) == (2, 2)
    assert client.get("/points/export?format=xlsx", user=cast.city).content[:2] == b"PK"
    assert client.get("/import/point/template", user=cast.city).content[:2] == b"PK"
    assert client.get("/subjects/export?kind=tank&format=pdf", user=cast.city).status_code == 400
    assert client.get("/subjects/export", user=cast.city).status_code == 400
    assert Subject.objects.filter(code=code).exists()


def test_grading(cast: Cast) -> None:
    unit = {"exposed_persons_500m": 40, "items": [{"name": "液化石油气", "q_t": 450}]}
    found = client.post("/major-hazard/grade", json=unit, user=cast.manager).json()
    assert (found["S"], found["R"], found["grade"]) == (9, 16.2, 3)
    assert json.dumps(found)
    assert (
        client.post("/major-hazard/grade", json={**unit, "items": [{"name": "?"}]}, user=cast.manager).status_code
        == 400
    )


def test_unknown_rows_are_404(cast: Cast) -> None:
    try:
        assert client.get("/points/999999", user=cast.city).status_code == 404
    except Http404:
        pytest.fail("404 must be answered, not raised")
