"""Notices and rosters over HTTP."""

import pytest
from ninja.testing import TestClient

from shouwang.engines.notify.api import router
from shouwang.kernel.errors import NotAllowed

from .conftest import START, Cast, call, man, only, turn

pytestmark = pytest.mark.django_db
client = TestClient(router)


def test_看通知_标已读_复诵(cast: Cast) -> None:
    turn(cast)
    man(cast.post, cast.desk)
    call(cast)
    assert client.get("/notices/count", user=cast.desk).json() == {"unread": 1, "to_read_back": 1}
    (mine,) = client.get("/notices", user=cast.desk).json()
    assert (mine["post"], mine["must_read_back"]) == ("嘉祥镇值班室", True)
    said = {"text": "甲厂液位高", "level": "red"}
    assert client.post(f"/notices/{mine['id']}/read-back", json=said, user=cast.far).status_code == 404
    done = client.post(f"/notices/{mine['id']}/read-back", json=said, user=cast.desk).json()
    assert done["read_back_text"] == "甲厂液位高"
    (other,) = client.get("/notices?unread=true", user=cast.manager).json()
    assert client.post(f"/notices/{other['id']}/read", user=cast.manager).json()["read_at"] is not None
    assert client.get("/notices/count", user=cast.manager).json() == {"unread": 0, "to_read_back": 0}


def test_排班_换班_复制_缺口(cast: Cast) -> None:
    path = f"/posts/{cast.post.pk}/shifts"
    wanted = {"account": cast.desk.pk, "starts": START.isoformat(), "ends": START.replace(hour=20).isoformat()}
    made = client.post(path, json=wanted, user=cast.county).json()
    assert made["name"] == "镇值班"
    assert client.get("/posts", user=cast.county).json()[0]["on_duty"] == ["镇值班"]
    swap = {"account": cast.relief.pk, "reason": "病假"}
    assert client.post(f"/shifts/{made['id']}/replace", json=swap, user=cast.county).json()["name"] == "替班"
    copied = client.post(f"/posts/{cast.post.pk}/copy-week", json={"monday": "2026-06-01"}, user=cast.county).json()
    assert copied == {"made": 1}
    (gap,) = client.get("/rosters/gaps?days=1", user=cast.county).json()
    assert gap["name"] == "嘉祥镇值班室"
    assert client.get("/rosters/gaps?days=1", user=cast.neighbour).json() == []
    since = {"since": START.isoformat(), "until": START.replace(day=20).isoformat()}
    query = "&".join(f"{k}={v.replace('+', '%2B')}" for k, v in since.items())
    assert len(client.get(f"{path}?{query}", user=cast.county).json()) == 2


def test_别的县看不到也排不了(cast: Cast) -> None:
    assert client.get("/posts", user=cast.neighbour).json() == []
    wanted = {"account": cast.desk.pk, "starts": START.isoformat(), "ends": START.replace(hour=20).isoformat()}
    assert client.post(f"/posts/{cast.post.pk}/shifts", json=wanted, user=cast.neighbour).status_code == 404
    with pytest.raises(NotAllowed):
        client.post(f"/posts/{cast.post.pk}/shifts", json=wanted, user=cast.manager)
    with pytest.raises(NotAllowed):
        client.get("/rosters/gaps", user=cast.grid)
    call(cast)
    assert only().post == cast.post
