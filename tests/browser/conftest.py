"""Chromium and a running city; absent Chromium is a loud skip, and a failure in CI."""

import os
from pathlib import Path

import pytest

from . import city as cities

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
    # Playwright keeps an event loop running in this thread: whoever calls asyncio.run() must come before.
    items.sort(key=lambda item: "tests/browser" in str(item.path))


@pytest.fixture(scope="session")
def chromium():
    if cities.CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("CI 里没有 Chromium:apt-get install chromium")
        pytest.skip("没有 Chromium,浏览器测试全部跳过:apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=cities.CHROMIUM, args=cities.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def city(chromium, tmp_path_factory):
    running = cities.start(tmp_path_factory.mktemp("city"))
    yield running
    running.stop()


@pytest.fixture
def enter(chromium, city):
    """enter("xian", width=390) → a signed-in page; script errors and policy violations fail the test."""
    opened, wrong = [], []

    def sign_in(username, width=1440, height=900, bypass_csp=False):
        context = chromium.new_context(viewport={"width": width, "height": height}, bypass_csp=bypass_csp)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on("console", lambda m: wrong.append(m.text) if "Content Security Policy" in m.text else None)
        page.goto(f"{city.url}/login/")
        page.fill("[name=username]", username)
        page.fill("[name=password]", city.password)
        page.press("[name=password]", "Enter")
        page.wait_for_url(f"{city.url}/")
        opened.append(context)
        return page

    yield sign_in
    for context in opened:
        context.close()
    assert not wrong, wrong
