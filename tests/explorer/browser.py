"""`make test-browser`: the page in headless Chromium. What is missing is named, and nothing fails.

Chromium is the system's package; playwright-core, which drives it, is installed into a folder of its own by npm.
LFP_SHOTS=FOLDER keeps a picture of every scene there.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax

from lfp.commands import explore
from tests.explorer import vectors

HERE, PLACE = Path(__file__).parent, Path(".venv-browser")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER = "playwright-core@1"


def main() -> int:
    """Find or install what is needed, make the page and the table, run the tests of node."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    missing = [name for name, found in (("Chromium", browser), ("node", shutil.which("node"))) if not found]
    if missing:
        print(f"skipped: no {' and no '.join(missing)} on this machine")
        return 0
    modules = PLACE / "node_modules"
    if not (modules / "playwright-core").exists():
        if not shutil.which("npm"):
            print("skipped: no npm on this machine to install playwright-core with")
            return 0
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--prefix", PLACE, DRIVER], check=True)
    PLACE.mkdir(exist_ok=True)
    explore.run(PLACE / "explore.html", force=True)
    jax.config.update("jax_enable_x64", True)
    (PLACE / "table.json").write_text(json.dumps(vectors.table()))
    around = {**os.environ, "LFP_PAGE": str(PLACE), "LFP_PLAYWRIGHT": str(modules), "LFP_CHROMIUM": str(browser)}
    return subprocess.run(["node", "--test", HERE / "browser.test.mjs"], env=around, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
