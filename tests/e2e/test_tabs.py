"""More tabs of one browser than it opens connections to a server (six): all load, and all hear of what happens."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Running
from tests.e2e.test_loop import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NUM_TABS = 9


def test_every_tab_loads_and_hears_what_happens(platform: Running, page: Page, http: httpx.Client) -> None:
    sign_in(page, platform)
    tabs = [page, *(page.context.new_page() for _ in range(NUM_TABS - 1))]
    for tab in tabs[1:]:
        tab.goto(f"{platform.url}/datasets")
    for tab in tabs:
        expect(tab.get_by_text("Live", exact=True)).to_be_visible()
    name = "Seen in every tab"
    http.post("/api/datasets", json={"name": name}).raise_for_status()
    for tab in tabs:
        expect(tab.get_by_text(name)).to_be_visible()
    # The tabs that are left go on when the first, and so whoever opened the stream, is closed or reloaded.
    tabs[0].close()
    tabs[1].reload()
    http.post("/api/datasets", json={"name": f"{name} again"}).raise_for_status()
    for tab in tabs[1:]:
        expect(tab.get_by_text(f"{name} again")).to_be_visible()
