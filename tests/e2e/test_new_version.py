"""A page that is open when the server gets a new version: it says so, reloads once, and goes where it was going."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Running
from tests.e2e.test_loop import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MISSING = re.compile(r"/assets/ModelsPage-[^/]*\.js$")


def test_an_old_page_reloads_once_and_arrives(platform: Running, page: Page) -> None:
    sign_in(page, platform)
    gone = [True]

    def chunk(route: Route) -> None:
        if gone[0]:
            route.fulfill(status=404, content_type="application/json", body="{}")
        else:
            route.continue_()

    def newer(route: Route) -> None:
        gone[0] = False
        built = route.fetch().text()
        route.fulfill(
            body=re.sub(r"/assets/index-[^\"]+\.js", "/assets/index-newer.js", built), content_type="text/html"
        )

    page.route(MISSING, chunk)
    page.route("**/index.html", newer)
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Maskloom was updated")).to_be_visible()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    expect(page.get_by_text("This is the new version.")).to_be_visible()


def test_a_missing_file_of_the_same_version_is_told_and_not_reloaded(platform: Running, page: Page) -> None:
    sign_in(page, platform)
    page.route(MISSING, lambda route: route.fulfill(status=404, content_type="application/json", body="{}"))
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="This page could not be loaded")).to_be_visible()
    page.unroute(MISSING)
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
