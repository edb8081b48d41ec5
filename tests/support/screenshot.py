"""The picture of the page in the README: a sample, read by the shipped models.

python -m tests.support.screenshot    # renews docs/page.png; needs chromium
"""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.support.browser import started, visiting
from tests.support.project import ROOT
from tests.support.servers.server import serve

FILE = ROOT / "docs" / "page.png"
WINDOW = {"width": 1440, "height": 824}
ROW = 10  # where the network is in two minds


def take() -> bytes:
    """A PNG of the page that has read the first sample, gone back to a row in its middle."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder), {"DEVICE": "cpu"}) as server,
        started() as browser,
        # Without motion: bars that are still growing would show wrong lengths.
        visiting(browser, server.url, viewport=WINDOW, reduced_motion="reduce") as visit,
    ):
        for _ in range(2):  # the time that is shown is not that of the very first request
            visit.page.get_by_role("button", name="Sample: a three").click()
            expect(visit.page.locator("#row-name")).to_have_text("Row 28 of 28")
        visit.page.get_by_role("slider", name="Row").fill(str(ROW))
        return visit.page.screenshot()


if __name__ == "__main__":
    Image.open(io.BytesIO(take())).convert("RGB").save(FILE, optimize=True)
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size:,} bytes")
