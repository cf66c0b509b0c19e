"""Takes the README's picture, docs/images/finished-request.png, from a real Airflow: `python docs/screenshot.py`.

It starts the quickstart's stack anew in a folder of its own, carries out the demo's two requests, opens the large one's
run in a browser, and stops the stack.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "finished-request.png"
STATE = ROOT / ".stack" / "docs"
DAG_ID = "acme.copy.normal"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-quic", "--no-first-run")
_SIZE = {"width": 1280, "height": 800}
_SECONDS = 60_000.0

# Run as a script, Python looks for modules beside it and not in the checkout.
sys.path.insert(0, str(ROOT))


def picture_of(url: str, username: str, password: str, page_path: str, browser: str) -> None:
    """Logs in, opens a page of the UI, and waits until the report is on it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(_FLAGS))
        page = chromium.new_page(viewport=_SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.set_default_timeout(_SECONDS)
        page.goto(url)
        page.locator('input[name="username"]').fill(username)
        page.locator('input[name="password"]').fill(password)
        page.locator('button[type="submit"]').click()
        page.wait_for_url(lambda address: "login" not in address)
        page.goto(f"{url}{page_path}")
        page.get_by_label("Expand all extra JSON").click()
        page.get_by_text("verified_by").wait_for()
        page.wait_for_timeout(1_000)  # the editor of the value draws itself line by line
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE)
        chromium.close()


def main() -> int:
    """Takes the picture, and says where it is."""
    from rich.console import Console

    from examples.quickstart.demo import demo
    from examples.quickstart.stack import up
    from tests.servers import stop_all

    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        print("This needs a browser. On Debian: apt-get install chromium", file=sys.stderr)
        return 1
    stop_all(STATE)
    shutil.rmtree(STATE, ignore_errors=True)  # runs of an earlier picture would stand beside this one's
    try:
        stack = up(STATE)
        demo(stack, Console(width=150))
        run = stack.api().get(f"/dags/{DAG_ID}/dagRuns?order_by=-run_after&limit=1")["dag_runs"][0]["dag_run_id"]
        page_path = f"/dags/{DAG_ID}/runs/{run}/tasks/distcp/mapped/0/xcom?key_pattern=report"
        picture_of(stack.url, stack.username, stack.password, page_path, browser)
    finally:
        stop_all(STATE)
    print(PICTURE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
