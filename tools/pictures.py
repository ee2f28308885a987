"""The pictures of the README, taken from the built pages by Chromium: book/_static/readme.

    python tools/pictures.py

Run `make book` before. Needs a Chromium (`$NBDGM_CHROMIUM`, else on the path).
"""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import ROOT
from pdf import chromium, served

TO = "book/_static/readme"
READY = """(part) => {
  if (part.matches("details")) part.open = true;
  const slider = part.querySelector("input[type=range]");
  if (!slider) return;
  slider.value = slider.max;
  slider.dispatchEvent(new Event("input", {bubbles: true}));
}"""


@dataclass(frozen=True)
class Picture:
    """What of which page is shown; a proof is opened, a film shows its end."""

    name: str
    page: str
    what: str


PICTURES = [
    Picture("faces.png", "book/gan/3_dcgan", "#cell-train figure.nbdgm-film"),
    Picture("proof.png", "book/vae/5_variational_autoencoders", "#cell-proof-bound details.nb-proof >> nth=0"),
    Picture("claim.png", "book/gan/1_generative_adversarial_networks", "#cell-judge .cell_output"),
]


def main(root: Path = ROOT) -> int:
    """The command line."""
    from playwright.sync_api import sync_playwright

    with served(root / "_build/html") as site, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for picture in PICTURES:
            tab = browser.new_context(viewport={"width": 760, "height": 1000}, color_scheme="light").new_page()
            tab.goto(f"{site}/{picture.page}.html", wait_until="load", timeout=120_000)
            part = tab.locator(picture.what)
            part.evaluate(READY)
            tab.wait_for_timeout(500)
            part.screenshot(path=root / TO / picture.name)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
