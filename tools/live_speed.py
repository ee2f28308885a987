"""How fast the live figures are: each is opened in a headless Chromium and driven for two seconds.

    python tools/live_speed.py                    all of them
    python tools/live_speed.py codes game         these
    python tools/live_speed.py --seconds 10       for longer

For each way of driving a figure it prints the frames that were drawn, the time from one frame to the next (headless Chromium
draws at most 60 a second, whatever the screen), and the milliseconds that our own code takes of a frame: its handlers of events
and its drawing. What is wanted is 60 frames a second, so at most 16.7 ms. The second number tells more where other work keeps
the cores busy; what Chromium itself needs to bring the canvas to a screen is only in the first. No test asserts either.
"""

import argparse
import functools
import http.server
import math
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path

STATIC = Path(__file__).resolve().parents[1] / "book/_static"
PAGE = """<!doctype html>
<html data-theme="light">
<head><link rel="stylesheet" href="nbdgm.css"><script src="nbdgm.js"></script></head>
<body><div class="nb-live" data-live="NAME"><p>Try it.</p></div></body>
</html>"""
# Every handler and every frame of the page counts its time; a loop of its own looks at the clock once a frame.
WATCH = """(() => {
  const frame = window.requestAnimationFrame.bind(window), add = EventTarget.prototype.addEventListener;
  window.spent = 0;
  const counted = (action) => function (...given) {
    const start = performance.now();
    try { return action.apply(this, given); } finally { window.spent += performance.now() - start; }
  };
  window.requestAnimationFrame = (action) => frame(counted(action));
  EventTarget.prototype.addEventListener = function (kind, action, ...rest) {
    return add.call(this, kind, typeof action === "function" ? counted(action) : action, ...rest);
  };
  window.watch = (on) => {
    if (!on) return Object.assign(window.log, { on: false });
    const log = { on: true, frames: [], own: [] };
    window.log = log;
    let last = performance.now(), before = window.spent;
    const look = () => {
      if (!log.on) return;
      const now = performance.now();
      log.frames.push(now - last);
      log.own.push(window.spent - before);
      [last, before] = [now, window.spent];
      frame(look);
    };
    frame(look);
  };
})()"""
LIVE = "document.querySelector('.nb-live').live"


def ring(tab, seconds: float, centre: tuple[float, float], radius: float) -> None:
    """Drag round and round on the canvas."""
    box = tab.locator("canvas").bounding_box()
    x, y = box["x"] + centre[0], box["y"] + centre[1]
    tab.mouse.move(x + radius, y)
    tab.mouse.down()
    end, k = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        k += 1
        tab.mouse.move(x + radius * math.cos(k / 8), y + radius * math.sin(k / 8))
        tab.wait_for_timeout(8)
    tab.mouse.up()


def press(tab, seconds: float, label: str) -> None:
    """Let the figure run."""
    tab.click(f"button:text-is('{label}')")
    tab.wait_for_timeout(1000 * seconds)
    tab.click("button:text-is('Stop')")


def fast(tab, seconds: float) -> None:
    """The game at its fastest."""
    tab.evaluate(f"() => {{ {LIVE}.state.speed = 20; }}")
    press(tab, seconds, "Train")


WAYS = {
    "codes": [
        ("the point is dragged", lambda tab, s: ring(tab, s, (176, 170), 100)),
        ("a digit is drawn", lambda tab, s: ring(tab, s, (440, 110), 60)),
        ("codes are drawn", lambda tab, s: press(tab, s, "Draw codes")),
    ],
    "piles": [
        ("a bar is dragged", lambda tab, s: ring(tab, s, (330, 60), 30)),
        ("q travels", lambda tab, s: press(tab, s, "Let q travel")),
    ],
    "em": [
        ("a centre is dragged", lambda tab, s: ring(tab, s, centre(tab), 40)),
        ("it runs", lambda tab, s: press(tab, s, "Run")),
    ],
    "game": [("it trains, 20 rounds a frame", fast)],
}


def centre(tab) -> tuple[float, float]:
    """Where a drag of EM's first centre begins, less the radius of `ring`."""
    x, y = tab.evaluate(f"() => {LIVE}.state.model[0].mean")
    return 30 + (x + 5.2) / 10 * (0.56 * 760 - 40) - 40, 16 + (4.2 - y) / 8.8 * 290


def serve() -> str:
    """The address of the book's static files and of NAME.html, a page with one live figure."""

    class Served(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            name = self.path.strip("/").removesuffix(".html")
            if name not in WAYS:
                return super().do_GET()
            body = PAGE.replace("NAME", name).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Served, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def measure(browser, address: str, name: str, drive, seconds: float) -> dict:
    """Drive a figure: lists of milliseconds, from frame to frame and of our own code; frames drawn; the game's rounds."""
    tab = browser.new_page(viewport={"width": 900, "height": 1000})
    tab.add_init_script(WATCH)
    tab.goto(f"{address}/{name}.html")
    tab.click("text=Run it here")
    tab.wait_for_function(f"() => {LIVE}")
    tab.wait_for_timeout(500)
    counts = f"() => [{LIVE}.figure.frames, {LIVE}.state.game ? {LIVE}.state.game.rounds : 0]"
    before = tab.evaluate(counts)
    tab.evaluate("watch(true)")
    drive(tab, seconds)
    tab.evaluate("watch(false)")
    after = tab.evaluate(counts)
    log = tab.evaluate("log")
    tab.close()
    return {"between": log["frames"][1:], "own": log["own"][1:], "drawn": after[0] - before[0], "rounds": after[1] - before[1]}


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", help="default: " + ", ".join(WAYS))
    parser.add_argument("--seconds", type=float, default=2.0, help="default %(default)s")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.figures if name not in WAYS]:
        parser.error(f"no figure {unknown[0]!r}; there are: {', '.join(WAYS)}")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        parser.error("no Chromium here (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    print(f"{'':38}{'frames':>8}{'from one to the next, ms':>28}{'our own code, ms':>22}")
    print(f"{'':38}{'':>8}{'median':>18}{'19 of 20':>10}{'median':>12}{'19 of 20':>10}")
    address = serve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name in options.figures or WAYS:
            for what, drive in WAYS[name]:
                found = measure(browser, address, name, drive, options.seconds)
                cells = [
                    f(found[k])
                    for k in ("between", "own")
                    for f in (statistics.median, lambda v: statistics.quantiles(v, n=20)[-1])
                ]
                more = f"   {found['rounds'] / max(1, found['drawn']):.1f} rounds a frame" if found["rounds"] else ""
                times = f"{cells[0]:18.1f}{cells[1]:10.1f}{cells[2]:12.2f}{cells[3]:10.2f}"
                print(f"{name + ': ' + what:38}{found['drawn']:8}{times}{more}", flush=True)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
