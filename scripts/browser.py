"""Make sure the browser tests have a Chromium: one on PATH, or Playwright's own.

Where neither can be had, says so in one line; MASKLOOM_REQUIRE_BROWSER=1 turns that into a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def playwright_chromium() -> bool:
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).is_file()


def main() -> None:
    if any(shutil.which(name) for name in NAMES) or playwright_chromium():
        return
    print("Fetching Playwright's Chromium ...", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    fetched = subprocess.run(command, check=False, capture_output=True).returncode == 0
    if fetched and playwright_chromium():
        return
    print("No Chromium on PATH and Playwright's could not be fetched: the browser tests are left out.")
    if os.environ.get("MASKLOOM_REQUIRE_BROWSER") == "1":
        sys.exit("MASKLOOM_REQUIRE_BROWSER=1 asks for them: install Chromium (Debian: apt-get install chromium).")


if __name__ == "__main__":
    main()
