"""How fast the live figures are: each is opened in a headless Chromium and driven for two seconds.

    python tools/live_speed.py                    all of them
    python tools/live_speed.py codes game         these
    python tools/live_speed.py --seconds 10       for longer

For each way of driving a figure it prints the frames that were drawn; the time from one frame to the next (headless Chromium
draws at most 60 a second, whatever the screen); and what a frame costs in milliseconds of processor time, which does not grow
when other work keeps the cores busy: of scripts, that is our own handlers, drawing and arithmetic, and of the whole thread that
they run in. Wanted are 60 frames a second, so at most 16.7 ms. A round of the game is two updates. No test asserts any of this.
"""

import argparse
import functools
import http.server
import shutil
import statistics
import sys
import threading
from pathlib import Path

STATIC = Path(__file__).resolve().parents[1] / "book/_static"
FIGURES = sorted(p.stem for p in (STATIC / "live").glob("*.js") if p.stem != "live")
PAGE = """<!doctype html>
<html data-theme="light">
<head><link rel="stylesheet" href="nbdgm.css"><script src="nbdgm.js"></script></head>
<body><div class="nb-live" data-live="NAME"><p>Try it.</p></div></body>
</html>"""
# A loop that looks at the clock once a frame, and drags if told to: whole turns, so that each begins where the last one ended.
WATCH = """(() => {
  Element.prototype.setPointerCapture = () => {};
  let turn = 0;
  const drag = () => {
    if (!window.ring) return void (turn = 0);
    const canvas = document.querySelector("canvas"), box = canvas.getBoundingClientRect(), [x, y, radius] = window.ring;
    const angle = (turn * Math.PI) / 40;
    const clientX = box.left + x + radius * Math.cos(angle), clientY = box.top + y + radius * Math.sin(angle);
    canvas.dispatchEvent(new PointerEvent(turn ? "pointermove" : "pointerdown", { clientX, clientY, pointerId: 1 }));
    turn += 1;
    if (turn % 80 === 0) {
      canvas.dispatchEvent(new PointerEvent("pointerup", { pointerId: 1 }));
      turn = 0;
    }
  };
  window.watch = () => {
    window.between = [];
    let last = performance.now();
    const look = () => {
      const now = performance.now();
      window.between.push(now - last);
      last = now;
      drag();
      if (window.between) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
})()"""
LIVE = "document.querySelector('.nb-live').live"


def ring(tab, seconds: float, centre: tuple[float, float], radius: float) -> None:
    """Drag round and round on the canvas, one event a frame."""
    tab.evaluate("given => { window.ring = given; }", [*centre, radius])
    tab.wait_for_timeout(1000 * seconds)
    tab.evaluate("() => { window.ring = null; }")


def press(tab, seconds: float, label: str) -> None:
    """Let the figure run."""
    tab.click(f"button:text-is('{label}')")
    tab.wait_for_timeout(1000 * seconds)
    tab.evaluate(f"() => {LIVE}.figure.run(false)")


def train(tab, seconds: float, rounds: int) -> None:
    """The game with so many rounds in each frame."""
    tab.evaluate(f"() => {{ Object.assign({LIVE}.state, {{ speed: {rounds} }}); {LIVE}.state.game.cools = false; }}")
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
    "game": [
        ("it trains, 5 rounds a frame", lambda tab, s: train(tab, s, 5)),
        ("it trains, 10 rounds a frame", lambda tab, s: train(tab, s, 10)),
        ("it trains, 20 rounds a frame", lambda tab, s: train(tab, s, 20)),
    ],
    "noise": [
        ("a cluster is dragged", lambda tab, s: ring(tab, s, cluster(tab), 40)),
        ("it plays", lambda tab, s: (tab.click("text=Back to noise"), press(tab, s, "Play"))),
    ],
}


def centre(tab) -> tuple[float, float]:
    """Where a drag of EM's first centre begins, less the radius of `ring`."""
    x, y = tab.evaluate(f"() => {LIVE}.state.model[0].mean")
    return 30 + (x + 5.2) / 10 * (0.56 * 760 - 40) - 40, 16 + (4.2 - y) / 8.8 * 290


def cluster(tab) -> tuple[float, float]:
    """Where a drag of the first cluster begins, less the radius of `ring`."""
    x, y = tab.evaluate(f"() => {LIVE}.state.law.centres[0]")
    unit = min(0.56 * 760 - 34, 396) / 6
    return 26 + (x + 3) * unit - 40, 22 + (3 - y) * unit


def serve() -> http.server.ThreadingHTTPServer:
    """A server of the book's static files, and of a page with one live figure for each: NAME.html."""

    class Served(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            name = self.path.strip("/").removesuffix(".html")
            if name not in FIGURES:
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
    return server


def measure(browser, address: str, name: str, drive, seconds: float) -> dict:
    """Drive a figure: milliseconds from frame to frame, and of scripts and their thread in a frame; frames; updates a frame."""
    tab = browser.new_page(viewport={"width": 900, "height": 1000})
    tab.add_init_script(WATCH)
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    tab.goto(f"{address}/{name}.html")
    tab.click("text=Run it here")
    tab.wait_for_function(f"() => {LIVE}")
    tab.wait_for_timeout(500)

    def counts() -> tuple[float, ...]:
        spent = {m["name"]: 1000 * m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        frames, rounds = tab.evaluate(f"() => [{LIVE}.figure.frames, {LIVE}.state.game ? {LIVE}.state.game.rounds : 0]")
        return frames, 2 * rounds, spent["ScriptDuration"], spent["TaskDuration"]

    before = counts()
    tab.evaluate("watch()")
    drive(tab, seconds)
    after = counts()
    between = tab.evaluate("between")[1:]
    tab.close()
    drawn, updates, scripts, thread = (b - a for a, b in zip(before, after, strict=True))
    frames = max(1, drawn)
    return {
        "between": between,
        "drawn": drawn,
        "updates": updates / frames,
        "scripts": scripts / frames,
        "thread": thread / frames,
    }


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

    print(f"{'':36}{'frames':>7}{'from one to the next, ms':>26}{'processor, ms a frame':>24}{'updates':>9}")
    print(f"{'':36}{'drawn':>7}{'median':>16}{'19 of 20':>10}{'scripts':>14}{'thread':>10}{'a frame':>9}")
    address = f"http://127.0.0.1:{serve().server_port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name in options.figures or WAYS:
            for what, drive in WAYS[name]:
                found = measure(browser, address, name, drive, options.seconds)
                middle, high = statistics.median(found["between"]), statistics.quantiles(found["between"], n=20)[-1]
                times = f"{middle:16.1f}{high:10.1f}{found['scripts']:14.1f}{found['thread']:10.1f}"
                updates = f"{found['updates']:9.1f}" if found["updates"] else ""
                print(f"{name + ': ' + what:36}{found['drawn']:7}{times}{updates}", flush=True)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
