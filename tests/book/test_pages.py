"""The built pages in a real Chromium.

Nothing leaves the machine, every formula is set, both themes can be read, nothing is wider than a phone, links lead somewhere.
"""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import filelock
import pytest
import yaml
from chapters import ID
from nbdgm_book import data

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
CHAPTERS = [p for p in PAGES if (ROOT / f"{p}.ipynb").exists()]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.pages,
    pytest.mark.xdist_group("pages"),
]


def each(names: list[str]) -> list:
    """Parameters: the pages, each a group of its own, so that one worker opens it and others take the rest."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]


def inputs() -> list[Path]:
    """Everything the pages are made of."""
    kept = [
        p for top in ("book", "tools", "nbdgm") for p in (ROOT / top).rglob("*") if p.is_file() and "__pycache__" not in p.parts
    ]
    return [*kept, ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "pyproject.toml"]


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    """The folder of built pages: that of `make book` if it succeeded and nothing changed since, else that of a new build, which
    must have no warning; all workers of a run share it.
    """
    done = ROOT / "_build/html"
    changed = max(p.stat().st_mtime for p in inputs())
    if (ROOT / "_build/complete").exists() and (done / "searchindex.js").stat().st_mtime > changed:
        return done
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return build(tmp_path_factory.mktemp("book"))
    shared = tmp_path_factory.getbasetemp().parent / "book"  # above the folders of the workers
    with filelock.FileLock(f"{shared}.lock"):
        return shared / "_build/html" if (shared / "complete").exists() else build(shared)


def build(out: Path) -> Path:
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    command += ["-W", "--keep-going", "--quiet", "--path-output", str(out)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, f"the book does not build without warnings:\n{built.stdout[-2000:]}\n{built.stderr[-4000:]}"
    (out / "complete").touch()
    return out / "_build/html"


@pytest.fixture(scope="session")
def site(html):
    """The address under which the pages are served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(html)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


# Text outside code that still looks like TeX source.
RAW_TEX = r"""() => {
  const walker = document.createTreeWalker(document.querySelector(".bd-article"), NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("pre, code, script, style, math")) continue;
    if (/\$\$|\\\(|\\\[|\\begin\{|(?<!\w)\$[^\s$][^$]*\$/.test(node.data)) found.push(node.data.trim().slice(0, 80));
  }
  return found;
}"""

# Elements of the article whose own text has too little contrast with what lies behind it (WCAG AA).
CONTRAST = """() => {
  const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const known = new Map();
  const rgba = (color) => {
    if (!known.has(color)) known.set(color, parse(color));
    return known.get(color);
  };
  const parse = (color) => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = color; context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (node) => {
    const layers = [];
    for (let n = node; n; n = n.parentElement) {
      const color = rgba(getComputedStyle(n).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  // a part of a formula in the formula's own colour needs no second look
  const asItsFormula = (node) => {
    const style = getComputedStyle(node), formula = getComputedStyle(node.closest("math"));
    return style.color === formula.color && style.opacity === "1" && rgba(style.backgroundColor)[3] === 0;
  };
  const found = new Map();
  let seen = 0;
  for (const node of document.querySelectorAll(".bd-article *")) {
    const own = node.tagName === "math" || [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
    if (!own || node.closest("svg, script, style, .headerlink") || (node.closest("math *") && asItsFormula(node))) continue;
    if (!node.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (node.getBoundingClientRect().width === 0) continue;
    const style = getComputedStyle(node), background = behind(node), color = rgba(style.color);
    let opacity = 1;
    for (let n = node; n; n = n.parentElement) opacity *= Number(getComputedStyle(n).opacity);
    const a = light(over([...color.slice(0, 3), color[3] * opacity], background)), b = light(background);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) {
      const name = node.tagName.toLowerCase() + "." + String(node.className).trim().split(/\\s+/).join(".");
      const what = `${name} ${ratio.toFixed(2)} ${style.color}: ${node.textContent.trim().slice(0, 50)}`;
      if (!found.has(name)) found.set(name, what);
    }
  }
  return {seen, poor: [...found.values()]};
}"""

# Elements that reach beyond the right edge and are not inside a box that scrolls.
TOO_WIDE = """() => {
  const boxed = (node) => {
    for (let n = node.parentElement; n && n !== document.body; n = n.parentElement)
      if (getComputedStyle(n).overflowX !== "visible") return true;
    return false;
  };
  return [...document.querySelectorAll(".bd-article-container *")]
    .filter((n) => n.getBoundingClientRect().right > innerWidth + 1 && n.getBoundingClientRect().width > 0 && !boxed(n))
    .slice(0, 5).map((n) => `${n.tagName}.${n.className}: ${n.textContent.trim().slice(0, 60)}`);
}"""

# Titles of tables that one must scroll to read.
CUT_TITLES = """() => [...document.querySelectorAll(".bd-article caption")]
  .filter((n) => n.checkVisibility() && n.getBoundingClientRect().right > innerWidth + 1).map((n) => n.textContent.trim())"""

SEARCH_BOXES = """() => {
  const shown = (n) => {
    const box = n.getBoundingClientRect();
    return n.checkVisibility() && box.width > 0 && box.right > 0 && box.left < innerWidth && !n.closest("dialog:not([open])");
  };
  const boxes = ".search-button__button, .search-button-field, form.bd-search, input[type=search]";
  return [...document.querySelectorAll(boxes)].filter(shown).length;
}"""

BROKEN = """() => [...document.querySelectorAll(".bd-article merror, .bd-article .math")]
  .filter((n) => n.tagName === "merror" || !n.querySelector("math")).map((n) => n.textContent)"""


def window(browser, **options):
    """A browser window of a desktop's size, patient with a machine that does other things as well."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    opened.set_default_timeout(120_000)
    return opened


@pytest.fixture(scope="session")
def visits(browser, site):
    """page name -> what was seen there: each page is opened once, then looked at in both themes and two widths."""
    seen: dict[str, dict] = {}

    def visit(name: str) -> dict:
        if name in seen:
            return seen[name]
        context = window(browser, color_scheme="light")
        tab = context.new_page()
        found = {"errors": [], "requests": []}
        tab.on("console", lambda m: found["errors"].append(f"{m.type}: {m.text}") if m.type == "error" else None)
        tab.on("pageerror", lambda e: found["errors"].append(str(e)))
        tab.on("response", lambda r: found["errors"].append(f"{r.status} {r.url}") if r.status >= 400 else None)
        tab.on("request", lambda r: found["requests"].append(r.url))
        tab.goto(f"{site}/{name}.html", wait_until="load")
        tab.wait_for_load_state("networkidle")
        tab.add_style_tag(content="* { transition: none !important; animation: none !important; }")
        found["formulas"] = tab.evaluate("() => [...document.querySelectorAll('.bd-article math')].length")
        found["broken"] = tab.evaluate(BROKEN)
        found["raw"] = tab.evaluate(RAW_TEX)
        found["search"] = {1280: tab.evaluate(SEARCH_BOXES)}
        found["links"] = tab.evaluate("() => [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))")
        tab.evaluate("() => document.querySelectorAll('.toggle-hidden').forEach(n => n.classList.remove('toggle-hidden'))")
        tab.evaluate("() => document.querySelectorAll('details.nb-sources').forEach(n => { n.open = true; })")
        found["terms"] = tab.locator(".bd-article .nb-term > a").count()
        found["misplaced"] = tab.evaluate(MISPLACED_TERMS)
        found["solution cell"] = tab.evaluate("() => document.querySelector('div.solution div.cell[id]')?.id")
        found["proof cell"] = tab.evaluate("() => document.querySelector('.cell:has(details.nb-proof:not([open]))')?.id")
        found["elements"] = tab.evaluate("() => document.querySelectorAll('*').length")
        found["said"] = tab.evaluate("() => [...document.querySelectorAll('.bd-article img')].map((i) => i.alt)")
        found["captions"] = tab.locator(".bd-article figcaption").all_text_contents()
        found["bare"] = tab.locator(".bd-article .cell_output img[src*='_images']:not(figure img)").count()
        tab.evaluate(UNFOLDED)
        found["light"] = tab.evaluate(CONTRAST)
        tab.emulate_media(color_scheme="dark")
        tab.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
        tab.wait_for_timeout(50)
        found["dark"] = tab.evaluate(CONTRAST)
        found["glare"] = tab.evaluate(GLARE)
        tab.set_viewport_size({"width": 390, "height": 844})
        tab.wait_for_timeout(200)
        found["width"] = tab.evaluate("() => document.documentElement.scrollWidth")
        found["wide"] = tab.evaluate(TOO_WIDE)
        found["cut titles"] = tab.evaluate(CUT_TITLES)
        tab.set_viewport_size({"width": 320, "height": 700})
        tab.wait_for_timeout(200)
        found["narrow"] = [tab.evaluate("() => document.documentElement.scrollWidth"), *tab.evaluate(TOO_WIDE)]
        tab.set_viewport_size({"width": 390, "height": 844})
        tab.wait_for_timeout(100)
        found["search"][390] = tab.evaluate(SEARCH_BOXES)
        context.close()
        seen[name] = found
        return found

    return visit


@pytest.fixture
def tab(browser, site):
    """A fresh tab; relative addresses are the book's."""
    context = window(browser, base_url=site + "/")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("page", each(PAGES))
class TestEveryPage:
    def test_no_console_errors(self, visits, page):
        assert visits(page)["errors"] == []

    def test_no_request_leaves_the_machine(self, visits, site, page):
        assert [u for u in visits(page)["requests"] if not u.startswith((site + "/", "data:", "blob:"))] == []

    def test_every_formula_is_set(self, visits, page):
        found = visits(page)
        assert (found["broken"], found["raw"]) == ([], [])

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_text_is_legible(self, visits, page, theme):
        found = visits(page)[theme]
        assert found["poor"] == []
        assert found["seen"] > 0

    def test_nothing_overflows_a_phone(self, visits, page):
        found = visits(page)
        assert (found["wide"], found["width"]) == ([], 390)
        assert found["narrow"] == [320]

    def test_titles_of_tables_are_read_without_scrolling(self, visits, page):
        assert visits(page)["cut titles"] == []

    @pytest.mark.parametrize("width", [1280, 390])
    def test_one_search_box(self, visits, page, width):
        assert visits(page)["search"][width] == 1

    def test_links_within_the_book_lead_somewhere(self, visits, html, page):
        here, dead = html / f"{page}.html", []
        for href in visits(page)["links"]:
            parts = urlsplit(href)
            if parts.scheme or parts.netloc or href.startswith("#!"):
                continue
            target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
            lost = (
                target.exists() and parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in ids(target)
            )
            if not target.exists() or lost:
                dead.append(href)
        assert dead == []


@functools.cache
def ids(path: Path) -> frozenset[str]:
    return frozenset(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))


SCROLLING = """() => [...document.querySelectorAll(".bd-article .cell_input pre")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent.slice(0, 60))"""

# Boxes with a scroll bar although their formula fits, and tab stops that do not scroll.
PHANTOMS = """() => {
  const boxes = [...document.querySelectorAll(".nb-display, .nb-formula, .nbdgm-formula, .nb-wide")];
  const bar = (box) => box.offsetHeight - box.clientHeight > 2;
  const drawn = (box) => [...box.querySelectorAll("mi, mn, mo, mtext, mfrac, msqrt, pre, img")];
  const right = (box) => box.getBoundingClientRect().left + box.clientWidth + 1;
  const fits = (box) => drawn(box).every((part) => part.getBoundingClientRect().right <= right(box));
  const still = (box) => box.scrollWidth <= box.clientWidth;
  const stops = [...document.querySelectorAll(".bd-article [tabindex='0']")].filter(still);
  const barred = boxes.filter((box) => box.checkVisibility() && bar(box) && fits(box));
  const idle = stops.filter((box) => !box.matches("img, figure, [role]"));
  return barred.map((box) => "bar: " + box.textContent.slice(0, 60)).concat(idle.map((box) => "tab stop: " + box.className));
}"""

# Pictures that shine in the dark: bright on the whole, or in a frame of another colour than what lies behind.
GLARE = """() => [...document.querySelectorAll(".bd-article .cell_output img")].filter((picture) => {
  const style = getComputedStyle(picture), dimmed = /brightness\\(0?\\.[0-8]/.test(style.filter);
  return !dimmed || parseFloat(style.padding) > 0 || !/rgba\\(0, 0, 0, 0\\)|transparent/.test(style.backgroundColor);
}).map((picture) => picture.outerHTML.slice(0, 80))"""

SECTION_IS_MARKED = """() => {
  const links = [...document.querySelectorAll(".bd-sidebar-secondary a[href^='#']")];
  const parts = links.map((a) => document.getElementById(decodeURIComponent(a.hash.slice(1)))).filter(Boolean);
  const passed = parts.filter((part) => part.getBoundingClientRect().top <= innerHeight / 4);
  const current = passed.length ? passed[passed.length - 1] : parts[0];
  const marked = links.filter((a) => a.classList.contains("active")).map((a) => a.hash);
  return [marked, ["#" + current.id]];
}"""


@pytest.fixture(scope="session")
def barred(launch):
    """A browser that shows scroll bars, as those of Windows and Linux do."""
    opened = launch(ignore_default_args=["--hide-scrollbars"])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def readers(barred, site):
    """chapter -> its page in a tab that several tests share, one after the other, as a reader who goes on reading."""
    kept = {}

    def opened(chapter: str):
        if kept.get("chapter") != chapter:
            if kept:
                kept["context"].close()
            context = window(barred, base_url=site + "/")
            kept.update(chapter=chapter, context=context, tab=context.new_page())
            kept["tab"].goto(f"{chapter}.html", wait_until="load")
        kept["tab"].mouse.move(2, 2)
        kept["tab"].evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
        return kept["tab"]

    yield opened
    if kept:
        kept["context"].close()


@pytest.fixture
def reader(readers, chapter):
    """The chapter's page as the tests before have left it: what they opened is open."""
    return readers(chapter)


UNFOLDED = """() => new Promise((done) => {
  let timer;
  const wait = () => { clearTimeout(timer); timer = setTimeout(done, 500); };
  document.addEventListener("toggle", wait, true);
  document.querySelectorAll("details").forEach((box) => (box.open = true));
  wait();
})"""
"""Opens whatever is folded, and is done when the page has answered to the last of it."""


LOOKS = """() => {
  const looks = new Set();
  document.querySelectorAll("[data-look]").forEach((node) => node.removeAttribute("data-look"));
  for (const node of document.querySelectorAll("body *")) {
    if (![...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()) || node.closest("math, script, style")) continue;
    if (!node.checkVisibility({visibilityProperty: true})) continue;
    const style = getComputedStyle(node), look = [style.color, style.fontSize, style.fontWeight];
    for (let n = node; n; n = n.parentElement) {
      const {backgroundColor, backgroundImage, opacity, filter} = getComputedStyle(n);
      look.push(n.tagName, [...n.classList].sort().join("."), backgroundColor, backgroundImage, opacity, filter);
    }
    const known = looks.has(look.join(" "));
    looks.add(look.join(" "));
    if (!known) node.setAttribute("data-look", "");
  }
  return looks.size;
}"""
"""Marks one element of each look: its own colours and size, and names, classes and backgrounds of all that it lies in."""


def axe(page, theme: str) -> list[str]:
    """What axe-core finds against WCAG 2, levels A and AA, with everything unfolded; in the dark only colours differ."""
    core = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)
    page.evaluate(UNFOLDED)
    assert page.evaluate(LOOKS) > 10
    # Colours: one element of each look, for 2,000 take a while; formulas, and each single element, are judged by CONTRAST.
    colours = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
    runs = [({"include": [["[data-look]"]], "exclude": [["math"]]}, colours)]
    if theme == "light":
        tags = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
        runs.append((None, {"runOnly": tags, "rules": {"color-contrast": {"enabled": False}}, "resultTypes": ["violations"]}))
    found = [violation for where, options in runs for violation in core.Axe().run(page, where, options).response["violations"]]
    return [f"{v['id']}: {n['html'][:160]}" for v in found for n in v["nodes"][:3]]


@pytest.mark.parametrize("name", each([p for p in PAGES if p not in CHAPTERS]))
def test_axe_finds_nothing_on_other_pages(tab, name):
    tab.goto(f"{name}.html", wait_until="load")
    for theme in ("light", "dark"):
        assert axe(tab, theme) == [], theme


@pytest.mark.parametrize(
    "broken",
    [
        "() => { [...document.querySelectorAll('.bd-article p')].at(-1).style.color = '#bbb'; }",
        "() => { [...document.querySelectorAll('.bd-article li')].at(-1).style.backgroundColor = '#444'; }",
        "() => document.querySelector('.bd-article p').closest('section').setAttribute('style', 'opacity: 0.3')",
        "() => document.documentElement.removeAttribute('lang')",
    ],
    ids=["letters", "ground", "faded", "no language"],
)
def test_axe_sees_one_broken_element(tab, broken):
    """A page has thousands of elements: one with colours of its own is a look of its own."""
    tab.goto(f"{PAGES[0]}.html", wait_until="load")
    tab.evaluate(broken)
    assert axe(tab, "light")


@pytest.mark.parametrize("chapter", each(CHAPTERS))
class TestReading:
    """What a reader meets on a chapter's page."""

    @pytest.fixture
    def page(self, barred, site, chapter):
        context = window(barred, base_url=site + "/")
        tab = context.new_page()
        tab.goto(f"{chapter}.html", wait_until="load")
        yield tab
        context.close()

    def test_code_fits_and_nothing_scrolls_that_fits(self, reader, chapter):
        for width in (390, 1280):
            reader.set_viewport_size({"width": width, "height": 900})
            reader.wait_for_timeout(150)
            assert (width, reader.evaluate(SCROLLING), reader.evaluate(PHANTOMS)) == (width, [], [])

    def test_pictures_do_not_glare_in_the_dark(self, visits, chapter):
        assert visits(chapter)["glare"] == []

    def test_its_head_and_foot_are_in_words(self, reader, chapter):
        first = reader.locator(".bd-article table").first.inner_text()
        assert "To run it:" in first and "minute" in first and "not yet measured" not in first
        foot = reader.locator(".nb-provenance")
        assert re.search(r"computed on \d+ \w+ \d{4} in (about|less)", foot.inner_text())
        assert not foot.get_by_text("commit").is_visible()
        foot.locator("summary").click()
        foot.get_by_text("commit").wait_for(state="visible")
        reader.get_by_text("Cite this page").click()
        reader.locator(".nb-cite pre", has_text="@incollection{").wait_for(state="visible")
        assert re.search(r"Version \d+\.\d+\S*, \d+ \w+ \d{4}", reader.locator(".extra_footer").first.inner_text())

    def test_links_show_what_they_lead_to(self, reader, chapter):
        kinds = {}
        for kind, links in {
            "equation": ".bd-article a.reference.internal[href^='#equation-']",
            "literature": ".bd-article a.reference.internal[href*='bibliography.html#id']",
        }.items():
            link = reader.locator(links).first
            if link.count() == 0 or not link.is_visible():
                continue
            link.scroll_into_view_if_needed()
            link.focus()
            card = reader.locator(".nb-preview")
            card.wait_for(state="visible")
            box = card.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
            kinds[kind] = card.locator("math").count() if kind == "equation" else len(card.inner_text())
            reader.keyboard.press("Escape")
            assert reader.locator(".nb-preview").count() == 0
            link.hover()
            card.wait_for(state="visible")
            reader.mouse.move(2, 2)
            card.wait_for(state="detached")
        assert kinds and all(kinds.values()), kinds

    def test_proofs_are_one_line_and_open(self, reader, chapter):
        proofs = reader.locator("details.nb-proof")
        assert proofs.count() >= 5
        closed = reader.locator("details.nb-proof:not([open])").first
        line = closed.locator("summary").first
        assert line.bounding_box()["height"] < 80
        assert not closed.locator(".nbdgm-proof").is_visible()
        line.focus()
        reader.keyboard.press("Enter")
        reader.locator("details.nb-proof[open] .nbdgm-proof").first.wait_for(state="visible")
        assert not reader.locator("details.nb-setup .cell_input").first.is_visible()

    def test_switches_open_all_proofs_and_their_code(self, page, chapter):
        page.get_by_label("Show all proofs").check()
        assert page.locator("details.nb-proof:not([open])").count() == 0
        page.get_by_label("Show the checking code").check()
        assert page.locator("details.nb-proof details.nb-code:not([open])").count() == 0
        page.reload(wait_until="load")
        assert page.locator("details.nb-proof:not([open])").count() == 0, "remembered"
        page.get_by_label("Show all proofs").uncheck()
        assert page.locator("details.nb-proof[open]").count() == 0

    def test_a_link_to_a_proof_opens_it(self, tab, visits, chapter):
        name = visits(chapter)["proof cell"]
        assert name, "no proof is folded"
        tab.goto(f"{chapter}.html#{name}", wait_until="load")
        tab.locator(f"[id='{name}'] .nbdgm-proof").first.wait_for(state="visible")

    def test_the_list_of_sections_marks_the_one_that_is_read(self, reader, chapter):
        height = reader.evaluate("() => document.documentElement.scrollHeight")
        for at in range(0, height, max(1, height // 8)):
            reader.evaluate(f"() => window.scrollTo(0, {at})")
            reader.wait_for_timeout(150)
            marked, right = reader.evaluate(SECTION_IS_MARKED)
            assert marked == right, at


@pytest.mark.parametrize("chapter", each(CHAPTERS))
class TestEveryChapter:
    def test_has_formulas(self, visits, chapter):
        assert visits(chapter)["formulas"] > 10

    def test_figures_are_numbered_and_captioned(self, visits, chapter):
        captions = visits(chapter)["captions"]
        assert len(captions) > 3
        numbers = [re.match(r"\s*Figure (\d+)\s+\S", caption) for caption in captions]
        assert all(numbers), captions
        assert [int(n[1]) for n in numbers] == list(range(1, len(captions) + 1))
        assert visits(chapter)["bare"] == 0

    def test_is_light(self, visits, chapter):
        assert visits(chapter)["elements"] <= 22_000

    def test_pictures_say_what_they_show(self, visits, chapter):
        assert not [alt for alt in visits(chapter)["said"] if "_images" in alt]

    def test_colab_and_binder(self, visits, chapter):
        owner, name = data.owner_and_name(ROOT)
        links = visits(chapter)["links"]
        assert (
            f"https://colab.research.google.com/github/{owner}/{name}/blob/notebooks/{chapter.removeprefix('book/')}.ipynb"
            in links
        )
        assert f"../../notebooks/{chapter.removeprefix('book/')}.ipynb" in links
        assert f"https://mybinder.org/v2/gh/{owner}/{name}/main?urlpath=lab/tree/{chapter}.ipynb" in links

    def test_solutions_are_folded_and_unfold(self, reader, chapter):
        solutions = reader.locator("div.solution")
        assert solutions.count() >= 4
        for i in range(solutions.count()):
            solution = solutions.nth(i)
            inside = solution.locator("section").first
            assert not inside.is_visible()
            solution.locator(".admonition-title").first.click()
            inside.wait_for(state="visible")

    def test_sources_are_folded_at_its_end(self, reader, chapter):
        block = reader.locator("details.nb-sources")
        assert block.count() == 1
        entry = block.locator("li").first
        assert not entry.is_visible()
        block.locator("summary").click()
        entry.wait_for(state="visible")
        block.evaluate("(block) => { block.hidden = true; }")
        assert ID.findall(reader.evaluate("document.body.innerText")) == [], "IDs stand in the folded block only"
        block.evaluate("(block) => { block.hidden = false; }")

    def test_a_link_into_a_solution_opens_it(self, tab, visits, chapter):
        name = visits(chapter)["solution cell"]
        assert name, "no solution has a code cell"
        tab.goto(f"{chapter}.html#{name}", wait_until="load")
        tab.locator(f"[id='{name}']").wait_for(state="visible")

    def test_films_move(self, reader, chapter):
        films = reader.locator("figure.nbdgm-film")
        stored = (ROOT / f"{chapter}.ipynb").read_text(encoding="utf-8").count('<figure class=\\"nbdgm-film\\"')
        assert films.count() == stored, "every film that the notebook stores is on its page"
        for i in range(films.count()):
            film = films.nth(i)
            film.scroll_into_view_if_needed()
            slider, window = film.locator("input[type=range]"), film.locator("[role=img]")
            title, before = film.locator("output").inner_text(), window.screenshot()
            slider.focus()
            reader.keyboard.press("Home")
            assert slider.input_value() == "0"
            assert film.locator("output").inner_text() != title
            assert window.screenshot() != before, "the slider moved, the picture did not"


@pytest.mark.parametrize("chapter", each(CHAPTERS))
class TestUnfolded:
    """The last look at a chapter's page: with everything open."""

    def test_print_opens_all(self, reader, chapter):
        reader.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
        reader.emulate_media(media="print")
        assert reader.locator(".bd-article details:not([open]):not(.nb-setup)").count() == 0
        assert reader.locator("h1:visible").count() == 1
        wide = "() => [...document.querySelectorAll('.bd-article pre')].filter((p) => p.scrollWidth > p.clientWidth + 1).length"
        assert reader.evaluate(wide) == 0
        reader.emulate_media(media="screen")

    def test_nothing_that_axe_finds(self, reader, chapter):
        for theme in ("light", "dark"):
            assert axe(reader, theme) == [], theme


SEARCHES = {
    "mode collapse": "gan/4",
    "EM algorithm": "generative_models/2",
    "reparameterization trick": "vae/3",
    "reparametrisation": "vae/3",
    "gradient penalty": "gan/7",
    "optimal discriminator": "gan/2",
    "variational autoencoder": "vae/5",
    "auto-encoder": "vae/1",
    "Wasserstein distance": "gan/6",
    "spectral normalization": "gan/7",
    "Sinkhorn": "gan/6",
    "amortized inference": "vae/5",
    "Gumbel softmax": "vae/3",
    "naive Bayes": "generative_models/1b",
    "mixture of Gaussians": "generative_models/2",
    "f-divergence": "gan/5",
    "batch normalisation": "gan/3",
    "checkerboard": ("gan/3", "vae/1", "glossary.html#term-checkerboard"),
    "non-saturating loss": ("gan/1", "gan/2"),
    "optimal transport": "gan/6",
    "importance weighted bound": "vae/5",
    "mean field": "vae/2",
    "unrolled GAN": "gan/4",
    "stacked MNIST": "gan/4",
    "Kantorovich duality": "gan/6",
    "变分自编码器": "glossary",
}
"""What students type -> where the first hit must lead."""


# Links to terms that stand where none should: in headings, code, tables, other links; and terms that are linked twice.
MISPLACED_TERMS = """() => {
  const links = [...document.querySelectorAll(".bd-article .nb-term > a")];
  const closed = "h1, h2, h3, h4, code, pre, table, a a, summary";
  const wrong = links.filter((link) => link.parentElement.closest(closed) || link.querySelector("a"));
  const hrefs = links.map((link) => link.getAttribute("href"));
  return wrong.map((link) => link.outerHTML).concat(hrefs.filter((href, i) => hrefs.indexOf(href) < i));
}"""


@pytest.mark.parametrize("chapter", each(CHAPTERS))
def test_terms_are_linked_once_and_where_they_may(visits, chapter):
    assert visits(chapter)["terms"] >= 3
    assert visits(chapter)["misplaced"] == []


def test_a_term_is_explained_where_it_stands(tab):
    tab.goto("book/vae/6_posterior_collapse.html", wait_until="load")
    link, card = tab.locator(".nb-term > a", has_text="decoder").first, tab.locator(".nb-preview")
    for reach in (link.focus, link.hover):
        reach()
        card.wait_for(state="visible")
        said = card.inner_text()
        assert "解码器" in said and "The network that maps a code to data" in said and "See" not in said
        assert link.get_attribute("aria-describedby") == card.get_attribute("id")
        assert card.get_attribute("role") == "tooltip"
        tab.keyboard.press("Escape")
        card.wait_for(state="detached")
        assert link.get_attribute("aria-describedby") is None
        tab.mouse.move(2, 2)
    tab.evaluate("() => document.activeElement.blur()")
    for _ in range(200):  # by key alone
        tab.keyboard.press("Tab")
        if tab.evaluate("() => document.activeElement.matches('.nb-term > a')"):
            break
    card.wait_for(state="visible")
    assert axe(tab, "light") == []


def test_without_a_script_a_term_leads_to_the_glossary(browser, site):
    context = window(browser, base_url=site + "/", java_script_enabled=False)
    tab = context.new_page()
    tab.goto("book/vae/6_posterior_collapse.html", wait_until="load")
    link = tab.locator(".nb-term > a", has_text="decoder").first
    assert link.is_visible()
    link.click()
    tab.wait_for_url("**/book/appendix/glossary.html#term-decoder")
    context.close()


def test_exercises_and_plans_lead_into_the_chapters(tab):
    tab.goto("book/appendix/exercises.html", wait_until="load")
    links = tab.locator("table.nb-exercises td:first-child a")
    assert links.count() >= 4 * len(CHAPTERS)
    name = links.nth(9).inner_text()
    links.nth(9).click()
    box = tab.locator(":target")
    assert box.locator(".admonition-title").first.inner_text().strip().startswith(name)
    tab.goto("book/appendix/course_plan.html", wait_until="load")
    assert tab.locator("table.nb-course").count() == 4
    assert tab.locator("table.nb-course td a", has_text="Exercise").count() > 40


def test_search_finds_a_term(tab):
    tab.goto(f"{PAGES[0]}.html", wait_until="load")
    tab.locator(".search-button__button:visible").first.click()
    tab.keyboard.type("gradient penalty")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=gradient+penalty*")
    first = tab.locator("#search-results li a").first
    first.wait_for()
    assert "The gradient penalty" in first.inner_text()
    assert tab.locator("#search-results mark").count() > 0
    first.click()
    tab.wait_for_url("**/gan/7_wasserstein_gan.html#*")


def test_search_ranks_what_students_type(tab):
    tab.goto("search.html", wait_until="load")
    wrong = {}
    for query, wanted in SEARCHES.items():
        found = tab.evaluate("(query) => window.nbdgmSearch(query).slice(0, 3).map((hit) => hit.url)", query)
        places = (wanted,) if isinstance(wanted, str) else wanted
        if not found or not any(place in found[0] for place in places):
            wrong[query] = found
    assert not wrong


def test_search_scripts_are_loaded_by_the_search_page_only(visits):
    assert [u for u in visits(CHAPTERS[0])["requests"] if "search" in u] == []


def test_dark_mode_has_a_button(tab):
    tab.goto(f"{PAGES[0]}.html", wait_until="load")
    themes = set()
    for _ in range(3):
        tab.locator(".theme-switch-button:visible").first.click()
        tab.wait_for_timeout(100)
        themes.add(tab.evaluate("() => document.documentElement.dataset.theme"))
    assert themes == {"light", "dark"}


def test_code_has_copy_buttons(tab):
    if not CHAPTERS:
        pytest.skip("no chapter yet")
    tab.goto(f"{CHAPTERS[0]}.html", wait_until="load")
    assert tab.locator("div.cell_input button.copybtn").count() == tab.locator("div.cell_input").count() > 0


def test_proofs_lead_to_their_cells(tab):
    tab.goto("book/appendix/proofs.html", wait_until="load")
    link = tab.locator("table a[href*='#cell-']").first
    anchor = link.get_attribute("href").split("#")[1]
    link.click()
    tab.locator(f"[id='{anchor}'] .nbdgm-proof").first.wait_for()


def test_the_front_page_draws_the_book_and_plays_a_film(tab):
    tab.goto(f"{PAGES[0]}.html", wait_until="load")
    boxes = tab.locator("svg.nb-map a")
    assert boxes.count() == len(CHAPTERS)
    film = tab.locator("figure.nb-plays")
    first = film.locator("output").inner_text()
    tab.wait_for_function("(first) => document.querySelector('figure.nb-plays output').textContent !== first", arg=first)
    boxes.filter(has_text="EM").first.click()
    tab.wait_for_url("**/2_latent_variables_and_em.html")


def test_who_wants_no_motion_sees_none(browser, site):
    context = window(browser, base_url=site + "/", reduced_motion="reduce")
    tab = context.new_page()
    tab.goto(f"{PAGES[0]}.html", wait_until="load")
    before = tab.locator("figure.nb-plays output").inner_text()
    tab.wait_for_timeout(1500)
    assert tab.locator("figure.nb-plays output").inner_text() == before
    context.close()


def test_descriptions_for_those_who_link_here(html):
    page = (html / f"{CHAPTERS[-1]}.html").read_text(encoding="utf-8")
    for name in ('property="og:title"', 'property="og:description"', 'name="description"', 'property="og:url"'):
        assert name in page, name
    assert f"{CHAPTERS[-1]}.html" in (html / "sitemap.xml").read_text(encoding="utf-8")
    assert "not found" in (html / "404.html").read_text(encoding="utf-8").lower()


def test_root_leads_to_the_book(tab):
    tab.goto("index.html")
    tab.wait_for_url("**/book/index.html")
