"""The whole book as one PDF, printed from the built pages by Chromium: nothing cut, everything unfolded, with bookmarks.

    python tools/pdf.py                          every page, to _build/pdf/deep_generative_models_executed.pdf
    python tools/pdf.py --to FILE vae/5 gan/6    some pages

Run `make book` before. Links between pages lead to the published book. Needs a Chromium (`$NBDGM_CHROMIUM`, else on the path).
"""

import argparse
import functools
import http.server
import io
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import yaml
from chapters import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MARGIN = {"top": "16mm", "bottom": "16mm", "left": "15mm", "right": "15mm"}
WIDTH = 680  # of an A4 page between these margins, in CSS pixels
BOXES = ".nb-display, .nb-formula, .nbdgm-formula, .nb-scroll, .cell_output .text_html, .nb-wide"
SHRINK = """(boxes) => document.querySelectorAll(boxes).forEach((box) => {
  const room = box.clientWidth, wide = box.scrollWidth;
  if (room && wide > room + 1) box.style.zoom = Math.max(0.4, room / wide - 0.01);
})"""
"""What is wider than the page is drawn smaller: paper does not scroll."""
FOOT = '<div style="width:100%;font-size:7pt;color:#555;text-align:center"><span class="pageNumber"></span></div>'


def chromium() -> str:
    """The path of a Chromium.

    Raises:
        SystemExit: there is none.
    """
    found = os.environ.get("NBDGM_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        sys.exit("pdf.py: no Chromium found; install one (apt-get install chromium) or set NBDGM_CHROMIUM to its path")
    return found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address under which a folder is served, on this machine only."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def contents(root: Path = ROOT) -> list[tuple[str, str]]:
    """(part, page) of every page of the book, in order; the first part has no name."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    rest = [(part["caption"], chapter["file"]) for part in toc["parts"] for chapter in part["chapters"]]
    return [("", toc["root"]), *rest]


def printed(pages: list[str], site: str) -> Iterator[tuple[str, str, bytes]]:
    """(page, title, PDF) of each page, as a reader would print it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for page in pages:
            context = browser.new_context(viewport={"width": WIDTH, "height": 1000}, color_scheme="light")
            tab = context.new_page()
            tab.goto(f"{site}/{page}.html", wait_until="load", timeout=120_000)
            tab.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
            tab.evaluate("() => document.querySelectorAll('img[loading=lazy]').forEach((i) => (i.loading = 'eager'))")
            tab.emulate_media(media="print")
            tab.evaluate(SHRINK, BOXES)
            tab.wait_for_load_state("networkidle")
            title = tab.locator("h1").first.evaluate("h => h.firstChild.textContent + (h.childNodes[1]?.data ?? '')").strip()
            options = {"format": "A4", "print_background": True, "margin": MARGIN, "outline": True, "tagged": True}
            yield page, title, tab.pdf(display_header_footer=True, header_template="<i></i>", footer_template=FOOT, **options)
            context.close()
        browser.close()


def bind(parts: Iterator[tuple[str, str, bytes]], part_of: dict[str, str], site: str, published: str):
    """One document of the pages, with a bookmark for each part and chapter, and the sections below it."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import NameObject, TextStringObject

    book, above = PdfWriter(), {}
    for page, title, data in parts:
        reader, first = PdfReader(io.BytesIO(data)), len(book.pages)
        book.append(reader, import_outline=False)
        part = part_of[page]
        if part and part not in above:
            above[part] = book.add_outline_item(title=part, page_number=first, bold=True)
        chapter = book.add_outline_item(title=title, page_number=first, parent=above.get(part))
        for section, at in sections(reader):
            book.add_outline_item(title=section, page_number=first + at, parent=chapter)
        print(f"{page}: {len(reader.pages)} pages", flush=True)
    for sheet in book.pages:
        for note in sheet.get("/Annots") or []:
            action = note.get_object().get("/A", {})
            uri = str(action.get("/URI", ""))
            if uri.startswith(site):
                action[NameObject("/URI")] = TextStringObject(published + uri.removeprefix(site).lstrip("/"))
    book.compress_identical_objects()
    return book


def sections(reader) -> list[tuple[str, int]]:
    """(title, page) of the sections of one printed page: the second level of Chromium's outline."""
    found = []

    def walk(items: list, depth: int) -> None:
        for item in items:
            if isinstance(item, list):
                walk(item, depth + 1)
            elif depth == 1:
                found.append((item.title, reader.get_destination_page_number(item)))

    walk(reader.outline, 0)
    return found


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line."""
    from nbdgm_book import data

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="parts of paths; default: every page")
    parser.add_argument("--to", type=Path, default=root / "_build/pdf/deep_generative_models_executed.pdf")
    options = parser.parse_args(arguments)
    html = root / "_build/html"
    if not (html / "index.html").exists():
        sys.exit("pdf.py: the book is not built: run `make book` first")
    chosen = [(part, page) for part, page in contents(root) if not options.pages or any(p in page for p in options.pages)]
    if not chosen:
        sys.exit(f"pdf.py: no page matches {', '.join(options.pages)}")
    owner, name = data.owner_and_name(root)
    with served(html) as site:
        pages = printed([page for _, page in chosen], site)
        book = bind(pages, {page: part for part, page in chosen}, site, f"https://{owner}.github.io/{name}/")
    book.add_metadata({"/Title": "Deep Generative Models, Executed", "/Author": "The nbdgm authors"})
    options.to.parent.mkdir(parents=True, exist_ok=True)
    with options.to.open("wb") as stream:
        book.write(stream)
    print(f"{options.to}: {len(book.pages)} pages, {options.to.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
