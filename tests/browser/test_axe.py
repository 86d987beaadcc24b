"""Every page, desk and phone: axe-core finds nothing serious, nothing scrolls sideways on 390 px."""

import pytest

from .conftest import AXE

PAGES = ["/", "/warnings/", "/warnings/?state=all", "/matters/", "/subjects/", "/notices/", "/rosters/", "/params/",
         "/ingest/", "/audit/", "/accounts/", "/imports/", "/password/", "/second-factor/", "/tokens/", "/api/docs"]


def serious(page) -> list[str]:
    page.evaluate(AXE.read_text("utf8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {v['nodes'][0]['target']} {v['nodes'][0].get('failureSummary', '')[:200]}"
            for v in found["violations"] if v["impact"] in ("serious", "critical")]


@pytest.fixture(scope="module")
def detail(city):
    return city.ask("""
from shouwang.engines.rules.models import Alert
from shouwang.engines.flows.models import Matter
from shouwang.engines.subjects.models import Point, Subject
firm = Subject.objects.filter(kind="enterprise", points__isnull=True).first()
paths = [f"/subjects/{firm.pk}/", f"/points/{Point.objects.first().pk}/"]
if a := Alert.objects.first():
    paths.append(f"/warnings/{a.pk}/")
if m := Matter.objects.first():
    paths.append(f"/matters/{m.pk}/")
print(json.dumps(paths))
""")


@pytest.mark.parametrize("width", [1440, 390])
def test_pages_are_usable_by_everybody(city, detail, enter, width):
    page = enter("shi", width, 844, bypass_csp=True)
    wrong = {}
    for path in [*PAGES, *detail, "/wall/"]:
        reply = page.goto(city.url + path)
        assert reply.status == 200, path
        page.wait_for_load_state("load")
        if found := serious(page):
            wrong[path] = found
        if width == 390 and page.evaluate("document.documentElement.scrollWidth") > 390:
            wrong.setdefault(path, []).append("scrolls sideways")
    assert not wrong, wrong


def test_the_sign_in_page(chromium, city):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{city.url}/login/")
    assert not serious(page)
    context.close()


def test_english_is_complete_on_screen(city, enter):
    page = enter("zhidu")  # the language stays with the account: not one the stories use
    page.get_by_role("button", name="EN").click()
    page.wait_for_load_state("load")
    assert "Today" in page.title()
    assert page.locator("nav").first.inner_text().isascii()
