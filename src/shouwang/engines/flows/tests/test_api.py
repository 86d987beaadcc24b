"""The same over HTTP: what one sees, does, is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict
from ninja.testing import TestClient

from shouwang.engines.flows.api import router
from shouwang.engines.flows.models import Attachment
from shouwang.kernel.errors import BadInput, NotAllowed, SignInFirst
from shouwang.kernel.models import Account

from .conftest import Cast, alert, only
from .test_evidence import picture
from .test_move import FORM

pytestmark = pytest.mark.django_db
client = TestClient(router)


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def submit(account: Account, act: str = "submit", form: object = FORM, revision: int = 0, **files: object) -> Any:
    data = {"revision": revision, "form": form if isinstance(form, str) else json.dumps(form)}
    given = MultiValueDict({k: [f] for k, f in files.items()})
    return client.post(f"/matters/{only().pk}/acts/{act}", user=account, FILES=given, data=data)


def test_看_办_带照片_看全链条(cast: Cast) -> None:
    alert(cast.tank)
    listed = client.get("/matters?mine=true", user=cast.manager).json()
    assert listed["count"] == 1
    one = client.get(f"/matters/{listed['items'][0]['id']}", user=cast.manager).json()
    assert [f["id"] for f in one["acts"]["submit"]["form"]] == ["reason", "measure", "photo"]
    after = submit(cast.manager, photo=SimpleUploadedFile("a.jpg", content := picture())).json()
    assert (after["state"], after["acts"], after["revision"]) == ("verify", {}, 1)
    steps = client.get(f"/matters/{one['id']}/timeline", user=cast.county).json()
    (file,) = next(s for s in steps if s["type"] == "flows.acted")["files"]
    got = client.get(f"/matters/{one['id']}/files/{file['id']}", user=cast.county)
    assert (got.content, got["Content-Type"]) == (content, "image/jpeg")
    assert got["Content-Disposition"].startswith("inline")


def test_附件只给看得见事项的人(cast: Cast) -> None:
    alert(cast.tank)
    submit(cast.manager, photo=SimpleUploadedFile("a.jpg", picture()))
    path = f"/matters/{only().pk}/files/{Attachment.objects.get().pk}"
    assert client.get(path, user=cast.grid).status_code == 200
    assert client.get(path, user=cast.grid)["X-Content-Type-Options"] == "nosniff"
    assert client.get(path, user=cast.other).status_code == 404
    with pytest.raises(NotAllowed):
        client.get(path, user=cast.stranger)
    with pytest.raises(SignInFirst):
        client.get(path)


def test_看不见的是404_办不了的说明原因(cast: Cast) -> None:
    alert(cast.tank)
    assert client.get(f"/matters/{only().pk}", user=cast.other).status_code == 404
    assert submit(cast.other).status_code == 404
    with pytest.raises(NotAllowed, match="现在轮到企业安全管理员"):
        submit(cast.grid)
    with pytest.raises(NotAllowed, match="已被他人办理"):
        submit(cast.manager, revision=7)
    with pytest.raises(BadInput, match="JSON"):
        submit(cast.manager, form="[1")
    assert only().state == "handle"


def test_委托(cast: Cast) -> None:
    alert(cast.tank)
    path = f"/matters/{only().pk}/delegate"
    after = client.post(path, json={"to": cast.operator.pk, "reason": "出差"}, user=cast.manager).json()
    assert after["delegate"] == "赵班长"
    assert client.get("/matters?mine=true", user=cast.operator).json()["count"] == 1
    assert client.post(path, json={"to": 99999, "reason": "x"}, user=cast.manager).status_code == 404


def test_筛选与翻页(cast: Cast) -> None:
    for n in range(5):
        alert(cast.tank, about=f"alert:{n}")
    page = client.get("/matters?open=true&region=3708&offset=3&limit=10&level=red", user=cast.city).json()
    assert (page["count"], len(page["items"])) == (5, 2)
    assert client.get("/matters?overdue=true", user=cast.city).json()["count"] == 0
