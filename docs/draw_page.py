"""Draw docs/page.png: the web page on the demo catalog, after a fit. Needs Chromium and the font Inter.

make demo
semrec events semrec/cli/demo_data/debian_deps/interactions.parquet --workspace demo-shop
semrec fit --workspace demo-shop
make serve &
python docs/draw_page.py http://127.0.0.1:8000/
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

QUESTION = "?text=draw+charts&use=python3-numpy&use=libgtk-3-dev"
SIZE = {"width": 1280, "height": 900}


def main(address: str) -> None:
    """Open the page with a query, wait for the answer and the map, and save a screenshot."""
    path = Path(__file__).with_name("page.png")
    with sync_playwright() as driver:
        chromium = shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", locale="en-US")
        page.goto(address + QUESTION)
        page.locator(".marker.result").first.wait_for()
        page.wait_for_timeout(300)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
