"""Takes the README's pictures of the dashboard: replays the last days into a temporary lake, and visits its pages.

    python -m benchmarks.pictures [--days 3] [--scale-factor 0.05] [--lake FOLDER]

Needs a browser: `make chromium` installs one.
"""

import argparse
import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from playwright.sync_api import Browser, sync_playwright

from tpch_assets.layers import BATCH, DAY
from tpch_assets.settings import HEALTH, PREFIX, PROJECT

FOLDER = PROJECT / "docs" / "images"
BROWSER = os.environ.get("BROWSER_PATH") or shutil.which("chromium")
WAIT = 60  # Seconds after which a server that does not answer has failed.
QUALITY = 85
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]


@dataclass(frozen=True)
class Picture:
    """A page in a window of some size; `drawn` selects what is there once it is drawn."""

    name: str
    path: str
    drawn: str
    width: int = 1280
    height: int = 900
    theme: str = "light"


PICTURES = (
    Picture("start", "/", ".sparkline"),
    Picture("start-dark", "/", ".sparkline", theme="dark"),
    Picture("queries", "/queries?query=q05_local_supplier_volume", ".tabulator-row", height=760),
    Picture("queries-phone", "/queries?query=q05_local_supplier_volume", ".tabulator-row", width=390, height=844),
    Picture("orders", "/orders?segment=BUILDING", ".tabulator-row", height=640),
    Picture("pipeline", "/pipeline?layer=bronze&table=orders", "canvas"),
)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3, help="whole days before today (default: 3)")
    parser.add_argument("--scale-factor", default="0.05", help="TPC-H scale factor per day (default: 0.05)")
    parser.add_argument("--lake", help="a lake that was replayed before (it may be late)")
    chosen = parser.parse_args()
    if BROWSER is None:
        parser.error("no browser found: run `make chromium`, or set BROWSER_PATH")
    with tempfile.TemporaryDirectory() as folder:
        lake = chosen.lake or f"{folder}/lake"
        environment = _environment(Path(folder), lake, chosen.scale_factor)
        if not chosen.lake:
            start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - chosen.days * DAY
            for _ in range(2):  # The second one brings the batches that have ended meanwhile.
                _replay(environment, start)
        with _dashboard(environment) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
            for picture in PICTURES:
                _take(browser, url, picture)
            browser.close()


def _environment(folder: Path, lake: str, scale_factor: str) -> dict[str, str]:
    home = folder / "dagster"
    home.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)
    given = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return given | {"DAGSTER_HOME": str(home), f"{PREFIX}LAKE": lake, f"{PREFIX}SCALE_FACTOR": scale_factor}


def _replay(environment: dict[str, str], start: datetime) -> None:
    """Replay every batch since `start` that has ended, so that all is on time in the pictures."""
    batches = (datetime.now(UTC) - start - timedelta(minutes=1)) // BATCH
    command = [str(Path(sys.executable).parent / "tpch-assets"), "replay", "--start", f"{start:%Y-%m-%d}"]
    subprocess.run([*command, "--batches", str(batches)], env=environment, cwd=PROJECT, check=True)


@contextmanager
def _dashboard(environment: dict[str, str]) -> Iterator[str]:
    """The address of a dashboard that runs meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {f"{PREFIX}DASHBOARD_PORT": str(port), f"{PREFIX}DASHBOARD_PROCESSES": "1"}
    process = psutil.Popen([sys.executable, "-m", "dashboards"], env=environment | settings, cwd=PROJECT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url + HEALTH)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + WAIT
    while True:
        try:
            urlopen(url, timeout=1).close()
            return
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _take(browser: Browser, url: str, picture: Picture) -> None:
    context = browser.new_context(viewport={"width": picture.width, "height": picture.height})
    page = context.new_page()
    page.goto(f"{url}{picture.path}{'&' if '?' in picture.path else '?'}theme={picture.theme}")
    page.locator(picture.drawn).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)  # Plots paint in frames that nothing waits for.
    taken = context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path = FOLDER / f"dashboard-{picture.name}.webp"
    path.write_bytes(base64.b64decode(taken["data"]))
    sys.stdout.write(f"{path.relative_to(PROJECT)}  {path.stat().st_size:,} bytes\n")
    context.close()


if __name__ == "__main__":
    main()
