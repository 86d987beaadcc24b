"""The main job as people do it: a reading becomes a warning on the wall, is handled on a phone, verified, closed."""

import struct
import time
import zlib

import pytest
from playwright.sync_api import expect

GATEWAY = """
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry import credentials
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel.models import Grant
firm = Subject.objects.get(pk=Grant.objects.get(account__username="qiye").subject)
_, token = credentials.make_source("story", "gateway", firm)
tank = Subject.objects.create(kind="gas_detector", code="story-gd", name="故事探测器", parent=firm, top=firm,
                              region=firm.region, line=firm.line)
point = Point.objects.create(subject=tank, code="STORY-1", name="可燃气体", quantity="combustible", unit="%LEL",
                            digits=1,
                             range_low=0, range_high=100)
Channel.objects.create(point=point, source=Source.objects.get(name="story"), device="GD", key="lel")
print(json.dumps({"token": token, "firm": firm.name, "point": point.pk}))
"""
READY = """
from shouwang.engines.telemetry import live
print(json.dumps(live.health().get("points", 0)))
"""
MATTER = """
from shouwang.engines.flows.models import Matter
m = Matter.objects.filter(subject__code="story-gd").order_by("-id").first()
print(json.dumps({"id": m and m.pk, "state": m and m.state, "alert": m and m.about, "flagged": m and m.flagged}))
"""


def png() -> bytes:
    """A real 2×2 picture."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0\xff\0\0\0\xff\0" * 2)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows)
            + chunk(b"IEND", b""))


def until(what, within=90):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if got := what():
            return got
        time.sleep(0.2)
    raise AssertionError("timed out")


@pytest.fixture(scope="module")
def gateway(city):
    before = city.ask(READY)
    made = city.ask(GATEWAY)
    until(lambda: city.ask(READY) == before + 1)
    return made


def feed(city, gateway, value, times=5):
    """Readings a second apart ending now."""
    now = time.time_ns() // 1_000_000
    readings = [{"ts": now - (times - 1 - n) * 1000, "values": {"lel": value}} for n in range(times)]
    city.publish(gateway["token"], {"GD": readings})


def test_from_a_reading_to_a_closed_matter(city, gateway, enter):
    wall = enter("shi", 1600, 900)
    wall.goto(f"{city.url}/wall/")
    wall.wait_for_selector("#live[data-state=live]", timeout=60_000)
    feed(city, gateway, 62.0)
    expect(wall.locator(".feed")).to_contain_text("可燃气体超限", timeout=90_000)

    found = until(lambda: (m := city.ask(MATTER))["id"] and m)
    county = enter("xian")
    county.goto(f"{city.url}/warnings/?level=red")
    county.click("tr:has-text('故事探测器') [data-drawer]")
    drawer = county.locator("#drawer")
    expect(drawer).to_contain_text("可燃气体超限")
    expect(drawer).to_contain_text("GB/T 50493")
    expect(drawer).to_contain_text("待核")
    expect(drawer).to_contain_text("企业安全管理员")
    expect(drawer.locator(".curve canvas")).to_be_visible()
    drawer.get_by_role("button", name="确认知悉").click()
    expect(drawer).to_contain_text("已确认")

    phone = enter("qiye", 390, 844)
    phone.locator(f"a.button[href='/matters/{found['id']}/']").first.click()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    expect(phone.locator("#act-submit .message.warning")).to_contain_text("仍超限")
    phone.get_by_text("真实异常", exact=True).click()
    phone.fill("textarea[name=measure]", "已关闭进料阀,人员撤离,堵漏完成")
    phone.set_input_files("input[type=file]", {"name": "现场.png", "mimeType": "image/png", "buffer": png()})
    expect(phone.locator(".previews img").first).to_be_visible()
    phone.locator("#act-submit form button.button").click()
    expect(phone.locator(".message.success")).to_be_visible()
    assert city.ask(MATTER)["flagged"]

    county.goto(f"{city.url}/matters/{found['id']}/")
    county.locator("#act-accept form button.button").click()
    expect(county.locator("#act-accept .message.error")).to_contain_text("限值")
    feed(city, gateway, 2.0, times=15)
    until(lambda: "已恢复" in (county.goto(f"{city.url}/matters/{found['id']}/"), county.content())[1])
    county.fill("textarea[name=opinion]", "现场已核,属实")
    county.locator("#act-accept form button.button").click()
    expect(county.locator(".message.success")).to_be_visible()
    for words in ("已关闭进料阀", "现场已核"):
        expect(county.locator("main")).to_contain_text(words)
    assert city.ask(MATTER)["state"] == "closed"


def test_left_alone_it_climbs_and_must_be_read_back(city, gateway, enter):
    feed(city, gateway, 70.0)
    found = until(lambda: (m := city.ask(MATTER))["state"] == "handle" and m)
    city.ask(f"""
from datetime import timedelta
from shouwang.engines.flows.models import Matter
from shouwang.kernel import clock
Matter.objects.filter(pk={found['id']}).update(climb_at=clock.now() - timedelta(seconds=1))
print(1)
""")
    called = until(lambda: city.ask(f"""
from shouwang.engines.notify.models import Notice
from shouwang.engines.notify import roster
n = Notice.objects.filter(about="matter:{found['id']}", must_read_back=True).select_related("post").first()
print(json.dumps(n and {{"role": n.post.role, "who": [a.username for a in roster.on_duty(n.post)]}}))
"""))
    assert called["role"] == "town_duty"
    desk = enter(called["who"][0], 390, 844)
    card = desk.locator(".card.call").first
    expect(card).to_contain_text("可燃气体")
    card.locator("input[name=text]").fill("收到,可燃气体超限,已通知现场撤人")
    card.locator("fieldset").get_by_text("红", exact=True).click()
    card.get_by_role("button", name="复诵并接办").click()
    expect(desk.locator(".message.success")).to_be_visible()
    page = enter("xian")
    page.goto(f"{city.url}/matters/{found['id']}/")
    expect(page.locator("main")).to_contain_text("已通知现场撤人")


def test_strangers_see_nothing_of_another_enterprise(city, gateway, enter):
    other = city.ask("""
from shouwang.kernel.models import Grant
mine = Grant.objects.get(account__username="qiye").subject
g = Grant.objects.filter(role="safety_manager").exclude(subject=mine).select_related("account").first()
print(json.dumps(g.account.username))
""")
    alert = city.ask(MATTER)["alert"].split(":")[1]
    page = enter(other)
    assert page.goto(f"{city.url}/warnings/{alert}/").status == 404
    assert page.goto(f"{city.url}/points/{gateway['point']}/").status == 404
    assert page.goto(f"{city.url}/params/").status == 403
