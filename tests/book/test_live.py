"""Live figures in a real Chromium: their arithmetic against PyTorch, POT and scikit-learn, and what a reader may do to them."""

import ast
import copy
import itertools
import json
import math
from pathlib import Path
from typing import ClassVar

import live_weights
import nbformat
import numpy as np
import ot
import pytest
import torch
import torch.nn.functional as F
from chapters import read, rest_hash
from live_speed import FIGURES, WAYS, serve
from scipy.stats import wasserstein_distance
from sklearn.mixture import GaussianMixture

from nbdgm import data, losses

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book/_static"

pytestmark = [pytest.mark.slow, pytest.mark.pages, pytest.mark.xdist_group("live")]


@pytest.fixture(scope="module")
def address():
    """The book's static files, and a page with one live figure for each: NAME.html."""
    server = serve()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def opened(browser, address):
    """name -> the tab with that figure running; errors of the page fail the test."""
    contexts, errors = [], []

    def start(name: str, begin: str = "", **options):
        context = browser.new_context(**{"viewport": {"width": 900, "height": 1000}} | options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda e: errors.append(str(e)))
        tab.on("console", lambda m: errors.append(m.text) if m.type == "error" and "favicon" not in str(m.location) else None)
        tab.goto(f"{address}/{name}.html")
        if begin:
            tab.evaluate("(word) => { document.querySelector('.nb-live').dataset.begin = word; }", begin)
        tab.click("text=Run it here")
        tab.wait_for_function("() => document.querySelector('.nb-live').live")
        return tab

    yield start
    for context in contexts:
        context.close()
    assert errors == []


def call(tab, name: str, code: str, *arguments):
    """What JavaScript `code` returns, a function of the module (and of the arguments, as JSON)."""
    script = f"async (given) => {{ const m = await import('/live/{name}.js'); return ({code})(m, ...given); }}"
    return tab.evaluate(script, list(arguments))


def numbers(tab) -> dict[str, str]:
    """What the figure prints: name -> text."""
    rows = "() => [...document.querySelectorAll('.nb-live-numbers div')].map(d => [...d.children].map(c => c.textContent))"
    return dict(tab.evaluate(rows))


def drag(tab, start: tuple[float, float], end: tuple[float, float]) -> None:
    """With the mouse, from one place of the canvas to another, in pixels."""
    box = tab.locator("canvas").bounding_box()
    tab.mouse.move(box["x"] + start[0], box["y"] + start[1])
    tab.mouse.down()
    tab.mouse.move(box["x"] + end[0], box["y"] + end[1], steps=8)
    tab.mouse.up()


def settle(tab) -> None:
    tab.wait_for_timeout(150)


def test_every_figure_has_its_speed_measured():
    assert sorted(WAYS) == FIGURES


@pytest.mark.parametrize("name", FIGURES)
class TestEveryFigure:
    def test_nothing_is_loaded_before_it_is_asked_for(self, browser, address, name):
        tab = browser.new_page()
        asked = []
        tab.on("request", lambda r: asked.append(r.url))
        tab.goto(f"{address}/{name}.html")
        tab.wait_for_load_state("networkidle")
        assert [u for u in asked if "/live/" in u] == []
        tab.click("text=Run it here")
        tab.wait_for_function("() => document.querySelector('.nb-live').live")
        assert all(u.startswith(address) for u in asked)
        tab.close()

    def test_weighs_little(self, name):
        """At most 400 kB with what it shares."""
        parts = [*(STATIC / "live").glob(f"{name}*"), *(STATIC / "live/data").glob(f"{name}*"), STATIC / "live/live.js"]
        assert sum(p.stat().st_size for p in parts) < 400_000

    def test_fits_a_phone_in_both_themes(self, opened, name):
        tab = opened(name, viewport={"width": 390, "height": 844})
        tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        settle(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        drawn, seen = tab.evaluate("(c) => [c.width / devicePixelRatio, c.clientWidth]", tab.query_selector("canvas"))
        assert drawn == seen, "squeezed"

    def test_moves_only_when_told_and_not_out_of_sight(self, opened, name):
        tab = opened(name)
        tab.wait_for_function("() => document.querySelector('.nb-live').live.state.measured !== false")
        settle(tab)
        frames = "() => document.querySelector('.nb-live').live.figure.frames"
        before = tab.evaluate(frames)
        tab.wait_for_timeout(400)
        assert tab.evaluate(frames) == before
        tab.evaluate("() => document.querySelector('.nb-live').live.figure.run(true)")
        tab.wait_for_timeout(400)
        assert tab.evaluate(frames) > before + 3
        tab.evaluate("() => { document.body.style.paddingTop = '4000px'; }")
        tab.wait_for_timeout(300)
        hidden = tab.evaluate(frames)
        tab.wait_for_timeout(400)
        assert tab.evaluate(frames) == hidden

    def test_is_not_there_without_a_script(self, browser, address, name):
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(f"{address}/{name}.html")
        assert not tab.locator(".nb-live").is_visible()
        context.close()


class TestPiles:
    GET = "(m, p, q, shift, spread) => [m.wasserstein(m.plan(p, q, shift, spread)), m.divergences(p, q, shift, spread)]"

    def test_points_cost_what_pot_says(self, opened):
        tab, dice = opened("piles"), np.random.default_rng(0)
        for _ in range(20):
            p, q, shift = dice.integers(0, 6, 12) + np.eye(12)[3], dice.integers(0, 6, 12) + np.eye(12)[5], dice.uniform(-8, 8)
            (first, second), apart = call(tab, "piles", self.GET, p.tolist(), q.tolist(), shift, 0)
            places = np.arange(12.0)
            cost = abs(places[:, None] - places - shift)
            a, b = p / p.sum(), q / q.sum()
            assert first == pytest.approx(ot.emd2(a, b, cost), abs=1e-9)
            assert second == pytest.approx(ot.emd2(a, b, cost**2) ** 0.5, abs=1e-9)
            assert apart["js"] == pytest.approx(np.log(2)), "no two points meet"

    @pytest.mark.parametrize("shift", [-3, 0, 0.5, 2.3])
    def test_bars_are_densities(self, opened, shift):
        """Against sums over a grid of 1/400."""
        tab = opened("piles")
        p, q, fine = np.array([2, 5, 4, 1, 0, 0, 0, 0, 0, 2, 4, 2.0]), np.array([0, 0, 1, 1, 3, 5, 5, 4, 2, 0, 1, 0.0]), 400
        (first, second), apart = call(tab, "piles", self.GET, p.tolist(), q.tolist(), shift, 1)
        x = (np.arange(-12 * fine, 24 * fine) + 0.5) / fine

        def density(masses, by):
            k = np.rint(x - by).astype(int)
            return np.where((k >= 0) & (k < 12), masses[np.clip(k, 0, 11)], 0) / masses.sum()

        f, g = density(p, 0), density(q, shift)
        assert first == pytest.approx(abs(np.cumsum(f - g)).sum() / fine**2, abs=0.01)
        u = (np.arange(200_000) + 0.5) / 200_000
        quantiles = [np.interp(u, np.cumsum(h) / fine, x) for h in (f, g)]
        assert second == pytest.approx(np.sqrt(((quantiles[0] - quantiles[1]) ** 2).mean()), abs=0.02)
        m = (f + g) / 2
        js = sum(np.where(h > 0, h * np.log(np.where(h > 0, h, 1) / np.where(m > 0, m, 1)), 0).sum() for h in (f, g)) / 2 / fine
        assert apart["js"] == pytest.approx(js, abs=2e-3)

    def test_whole_shifts_share_places(self, opened):
        tab = opened("piles")
        p, q = [1, 3] + [0] * 10, [3, 1] + [0] * 10
        _, apart = call(tab, "piles", self.GET, p, q, 0, 0)
        assert apart["forward"] == pytest.approx(0.5 * np.log(3))
        assert apart["reverse"] == pytest.approx(0.5 * np.log(3))
        _, apart = call(tab, "piles", "(m, p, q) => [0, m.divergences(p, q, 1, 0).forward === Infinity]", p, q)
        assert apart is True

    def test_a_pile_of_nothing_says_so_and_recovers(self, opened):
        tab = opened("piles")
        tab.evaluate(
            "() => { const { state, figure } = document.querySelector('.nb-live').live; state.q.fill(0); figure.change(); }"
        )
        settle(tab)
        assert "q holds nothing" in tab.inner_text(".nb-live-note")
        tab.click("text=Start again")
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert numbers(tab)["W₁"] == "3.300"

    def test_bars_follow_the_mouse_and_the_keys(self, opened):
        tab = opened("piles")
        box = tab.locator("canvas").bounding_box()
        masses = "() => document.querySelector('.nb-live').live.state.p"
        before = tab.evaluate(masses)
        middle = box["width"] / 2 - 40
        drag(tab, (middle, 90), (middle, 30))
        after = tab.evaluate(masses)
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
        tab.focus("canvas")
        chosen = tab.evaluate("() => document.querySelector('.nb-live').live.state.at")
        tab.keyboard.press("ArrowDown")
        assert tab.evaluate(masses)[chosen] == after[chosen] - 1

    def test_a_finger_meets_a_bar(self, opened):
        """On a phone, each place is at least 16 pixels wide where q starts; of what is seen there, each bar can be dragged."""
        tab = opened("piles", viewport={"width": 390, "height": 844})
        width = tab.locator("canvas").bounding_box()["width"] - 52
        unit = width / 13
        assert unit >= 16
        masses = f"() => {LIVE}.state.p"
        for place in range(12):
            x = 40 + (place + 1) * unit
            drag(tab, (x - 7, 90), (x + 7, 60))
            settle(tab)
            assert tab.evaluate(masses)[place] == 5
        tab.evaluate(f"() => {{ const {{ state, figure }} = {LIVE}; state.shift = -4; figure.change(); }}")
        settle(tab)
        drag(tab, (40 + width / 17, 170), (40 + width / 17, 206))
        assert tab.evaluate(f"() => {LIVE}.state.q[0]") == 5, "the place furthest to the left"


class TestEM:
    def test_steps_are_those_of_scikit_learn(self, opened):
        tab = opened("em")
        code = """(m, updates) => {
          const points = m.parts(150, 7);
          let model = [m.component(0.4, [-1, 0], [[1.5, 0.2], [0.2, 1]]), m.component(0.6, [1, 1], [[1, 0], [0, 2]])];
          for (let k = 0; k < updates; k += 1) model = m.maximise(points, m.respond(points, model));
          return [points, model, m.evidence(points, model), m.bound(points, model, m.respond(points, model))];
        }"""
        for updates in (1, 7):
            points, model, evidence, bound = call(tab, "em", code, updates)
            x = np.array(points)
            oracle = GaussianMixture(
                2,
                max_iter=updates,
                tol=0.0,
                reg_covar=0.0,
                weights_init=[0.4, 0.6],
                means_init=[[-1.0, 0.0], [1.0, 1.0]],
                precisions_init=np.linalg.inv([[[1.5, 0.2], [0.2, 1.0]], [[1.0, 0.0], [0.0, 2.0]]]),
            )
            with pytest.warns(match="converge"):
                oracle.fit(x)
            assert np.allclose([c["mean"] for c in model], oracle.means_, atol=1e-6)
            assert np.allclose([c["covariance"] for c in model], oracle.covariances_, atol=1e-6)
            assert np.allclose([c["weight"] for c in model], oracle.weights_, atol=1e-6)
            assert evidence == pytest.approx(oracle.score(x), abs=1e-6)
            assert bound == pytest.approx(evidence, abs=1e-9), "at the posterior the bound touches"

    def test_no_step_lowers_the_bound_or_the_evidence(self, opened):
        tab = opened("em")
        for _ in range(30):
            tab.evaluate("() => document.querySelector('.nb-live').live.state.take()")
        steps = tab.evaluate("() => document.querySelector('.nb-live').live.state.steps")
        evidence, bound = np.array([[np.nan if v is None else v for v in row] for row in steps], dtype=float).T
        assert len(evidence) == 31
        assert (np.diff(evidence) > -1e-10).all()
        assert (np.diff(bound[1:]) > -1e-10).all()
        assert evidence[-1] > evidence[0] + 0.1

    def test_a_collapse_says_so_and_can_be_mended(self, opened):
        tab = opened("em")
        tab.evaluate("""() => {
          const { state, figure } = document.querySelector(".nb-live").live;
          state.points = [[0, 0], [0, 0], [3, 3], [3.5, 2], [2.5, 2]];
          state.model = state.model.slice(0, 2);
          state.model[0].mean = [0, 0];
          state.model[1].mean = [3, 3];
          Object.assign(state, { q: null, next: "E", steps: [] });
          figure.change();
        }""")
        for _ in range(60):
            tab.evaluate("() => document.querySelector('.nb-live').live.state.take()")
        assert "collapsed" in tab.inner_text(".nb-live-note")
        tab.check("text=floor under variances")
        tab.click("text=Other centres")
        for _ in range(20):
            tab.evaluate("() => document.querySelector('.nb-live').live.state.take()")
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert float(numbers(tab)["evidence, nats a point"].replace("−", "-")) > -10

    def collapse(self, tab) -> None:
        """Two points on one spot, a narrow component on them, and the chapter's other points."""
        tab.evaluate(f"""() => {{
          const {{ state, figure }} = {LIVE};
          state.points.push([4, -4], [4, -4]);
          Object.assign(state.model[0], {{ mean: [4, -4], covariance: [[0.01, 0], [0, 0.01]] }});
          Object.assign(state, {{ q: null, next: "E", steps: [] }});
          figure.change();
        }}""")
        self.steps(tab, 8)
        assert "collapsed" in tab.inner_text(".nb-live-note")

    def steps(self, tab, count: int) -> None:
        tab.evaluate(f"(count) => {{ for (let k = 0; k < count; k += 1) {LIVE}.state.take(); {LIVE}.figure.change(); }}", count)
        settle(tab)

    def test_a_collapsed_centre_dragged_away_is_a_law_again(self, opened):
        tab = opened("em")
        self.collapse(tab)
        width = tab.locator("canvas").bounding_box()["width"]
        place = [(30 + (x + 5.2) / 10 * (0.56 * width - 40), 16 + (4.2 - y) / 8.8 * 290) for x, y in ((4, -4), (1, 1))]
        drag(tab, *place)
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert sum(c["weight"] for c in tab.evaluate(f"() => {LIVE}.state.model")) == pytest.approx(1, abs=1e-12)
        self.steps(tab, 20)
        evidence = [row[0] for row in tab.evaluate(f"() => {LIVE}.state.steps")]
        assert len(evidence) == 21
        assert (np.diff(evidence) > -1e-10).all()

    def test_a_collapse_has_evidence_without_end(self, opened):
        tab = opened("em")
        self.collapse(tab)
        assert numbers(tab)["evidence, nats a point"] == "∞"

    def test_a_floor_mends_a_collapse(self, opened):
        tab = opened("em")
        self.collapse(tab)
        tab.check("text=floor under variances")
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert numbers(tab)["steps"] == "0"
        self.steps(tab, 20)
        assert tab.inner_text(".nb-live-note") == ""
        assert numbers(tab)["steps"] == "20"
        assert -10 < float(numbers(tab)["evidence, nats a point"].replace("−", "-")) < 0

    def test_other_points_mend_a_collapse(self, opened):
        for name, evidence in (("150 new points", None), ("No points", "–")):
            tab = opened("em")
            self.collapse(tab)
            tab.click(f"text={name}")
            settle(tab)
            assert tab.inner_text(".nb-live-note") == "", name
            said = numbers(tab)["evidence, nats a point"]
            assert said == evidence if evidence else float(said.replace("−", "-")) < 0
            if evidence is None:
                self.steps(tab, 4)
                assert numbers(tab)["steps"] == "4"

    def test_every_step_is_counted(self, opened):
        tab = opened("em")
        self.steps(tab, 420)
        assert numbers(tab)["steps"] == "420"

    def test_a_summit_ends_the_run(self, opened):
        tab = opened("em")
        self.steps(tab, 1000)
        tab.click("button:text-is('Run')")
        tab.wait_for_function(f"() => !{LIVE}.figure.running")
        assert "rises no more" in tab.inner_text(".nb-live-note")
        tab.click("text=Other centres")
        tab.click("button:has-text('E step')")
        assert tab.inner_text(".nb-live-note") == ""

    def test_no_points_are_no_error(self, opened):
        tab = opened("em")
        tab.click("text=No points")
        tab.click("button:has-text('E step')")
        settle(tab)
        assert "There is no point" in tab.inner_text(".nb-live-note")
        tab.check("text=add points")
        box = tab.locator("canvas").bounding_box()
        for k in range(6):
            tab.mouse.click(box["x"] + 120 + 20 * k, box["y"] + 120 + 13 * (k % 3))
        assert len(tab.evaluate("() => document.querySelector('.nb-live').live.state.points")) == 6


class TestGame:
    """Against PyTorch, with the weights that the page has."""

    WEIGHTS = """(m, seed) => {
      const game = new m.Game(seed);
      for (let k = 0; k < 3; k += 1) game.round();
      const real = Float64Array.from({ length: 16 }, () => game.law.sample(game.random, game.gauss));
      const codes = Float64Array.from({ length: 16 }, () => game.gauss());
      const fake = game.G.forward(codes), plain = (parts) => parts.map((p) => [...p]), found = {};
      for (const [name, pair] of Object.entries(m.LOSSES)) {
        const D = m.criticSlopes(game.D, pair, real, fake), G = m.generatorSlopes(game.G, game.D, pair, codes);
        found[name] = [D.loss, plain(D.parameters), G.loss, plain(G.parameters)];
      }
      return { D: plain(game.D.parameters), G: plain(game.G.parameters), real: [...real], codes: [...codes], found };
    }"""
    PAIRS: ClassVar[dict] = {
        "non-saturating": losses.non_saturating,
        "saturating": losses.minimax,
        "least squares": losses.least_squares,
        "Wasserstein": losses.wasserstein,
    }

    @staticmethod
    def networks(given: dict):
        """The page's two networks as functions, and their parameters, which want gradients."""
        D = [torch.tensor(p, dtype=torch.float64) for p in given["D"]]
        sizes = [1, 32, 32, 1]
        D = [p.view(sizes[i], sizes[i + 1]) if i < 3 else p for i, p in enumerate(D)]
        G = [torch.tensor(p, dtype=torch.float64) for p in given["G"]]
        for p in [*D, *G]:
            p.requires_grad_()

        def critic(x):
            for i in range(3):
                x = (F.silu(x) if i else x) @ D[i] + D[3 + i]
            return x[:, 0]

        def generator(z):
            steep, place, height, shift, scale = G
            bends = F.softplus(height) * torch.tanh(F.softplus(steep) * z + 1.5 * place)
            return shift + F.softplus(scale) * z + bends.sum(1, keepdim=True)

        return critic, generator, D, G

    def test_gradients_are_those_of_autograd(self, opened):
        given = call(opened("game"), "game", self.WEIGHTS, 3)
        critic, generator, D, G = self.networks(given)
        real, codes = (torch.tensor(given[k], dtype=torch.float64)[:, None] for k in ("real", "codes"))
        for name, pair in self.PAIRS.items():
            loss_D, slopes_D, loss_G, slopes_G = given["found"][name]
            value = pair.critic(critic(real), critic(generator(codes).detach()))
            assert loss_D == pytest.approx(value.item(), abs=1e-6)
            for ours, theirs in zip(slopes_D, torch.autograd.grad(value, D), strict=True):
                assert np.allclose(ours, theirs.flatten(), atol=1e-6), name
            value = pair.generator(critic(generator(codes)))
            assert loss_G == pytest.approx(value.item(), abs=1e-6)
            for ours, theirs in zip(slopes_G, torch.autograd.grad(value, G), strict=True):
                assert np.allclose(ours, theirs.flatten(), atol=1e-6), name

    def test_steps_are_those_of_adam(self, opened):
        code = """(m, slopes) => {
          const weights = [Float64Array.of(1, -2)], adam = new m.Adam(weights);
          for (const slope of slopes) adam.step([Float64Array.from(slope)], 0.1);
          return [...weights[0]];
        }"""
        slopes = [[0.3, -1.0], [0.1, 2.0], [-0.7, 0.5]]
        ours = call(opened("game"), "game", code, slopes)
        weights = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
        adam = torch.optim.Adam([weights], 0.1, betas=(0.5, 0.9))
        for slope in slopes:
            weights.grad = torch.tensor(slope, dtype=torch.float64)
            adam.step()
        assert ours == pytest.approx(weights.tolist(), abs=1e-6)

    def test_divergence_is_that_of_a_fine_sum(self, opened):
        """The samples' density by another way: a histogram over equally likely codes."""
        code = """(m) => {
          const game = new m.Game(2), codes = Array.from({ length: 400000 }, (_, k) => (k + 0.5) / 400000);
          return [m.divergence(game.G, game.law), game.G.parameters.map((p) => [...p])];
        }"""
        js, weights = call(opened("game"), "game", code)
        _, generator, _, _ = self.networks({"D": [[0.0] * n for n in (32, 1024, 32, 32, 32, 1)], "G": weights})
        shares = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
        x = generator(torch.distributions.Normal(0.0, 1.0).icdf(shares)[:, None]).detach().numpy()[:, 0]
        edges = np.linspace(-10, 20, 3001)
        q = np.histogram(x, edges)[0] / len(x)
        law = data.densities.mixture_1d((-1.5, 1.5), (0.5, 0.8), (0.35, 0.65))
        middle = torch.tensor((edges[1:] + edges[:-1]) / 2, dtype=torch.float32)[:, None]
        p = law.log_prob(middle).exp().numpy() * 0.01
        m = (p + q) / 2
        sums = sum(np.where(h > 0, h * np.log(np.where(h > 0, h, 1) / np.maximum(m, 1e-300)), 0).sum() for h in (p, q)) / 2
        assert js == pytest.approx(sums, abs=2e-3)

    def test_ten_seeds_reach_the_data(self, opened):
        """As the chapter says of the game on its first picture: the median of the divergence ends below 0.02."""
        code = """(m) => Array.from({ length: 10 }, (_, k) => {
          const game = new m.Game(k + 1), before = m.divergence(game.G, game.law);
          while (!game.over) game.round();
          return [before, m.divergence(game.G, game.law)];
        })"""
        before, after = np.array(call(opened("game"), "game", code)).T
        assert np.median(before) > 0.3
        assert np.median(after) < 0.02

    def test_a_rate_of_a_hundred_says_so_and_recovers(self, opened):
        tab = opened("game")
        tab.evaluate("""() => {
          const { state, figure } = document.querySelector(".nb-live").live;
          Object.assign(state.game, { rateD: 100 });
          figure.run(true);
        }""")
        tab.wait_for_function("() => document.querySelector('.nb-live-note').textContent.includes('blown up')")
        tab.evaluate("() => Object.assign(document.querySelector('.nb-live').live.state.game, { rateD: 0.01, rateG: 0.01 })")
        tab.click("text=Start again")
        tab.click("text=One round")
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert numbers(tab)["rounds"] == "1"

    def test_data_can_be_drawn_and_emptied(self, opened):
        tab = opened("game")
        tab.check("text=draw the data")
        drag(tab, (100, 60), (160, 60))
        bars = tab.evaluate("() => document.querySelector('.nb-live').live.state.game.law.bars")
        assert max(bars) > 0.7
        tab.evaluate("() => document.querySelector('.nb-live').live.state.game.law.bars.fill(0)")
        tab.click("text=One round")
        settle(tab)
        assert "There are no data" in tab.inner_text(".nb-live-note")
        tab.click("text=The chapter's data")
        tab.click("text=One round")
        settle(tab)
        assert numbers(tab)["rounds"] == "1"

    def test_drawn_data_are_judged_at_once(self, opened):
        """JS is that of the new data before another round, and what was said of no data goes."""
        tab = opened("game")
        old = numbers(tab)["JS, nats"]
        tab.check("text=draw the data")
        tab.evaluate(f"() => {{ const {{ law }} = {LIVE}.state.game; law.draw(); law.bars.fill(0); }}")
        tab.click("text=One round")
        settle(tab)
        assert "There are no data" in tab.inner_text(".nb-live-note")
        assert numbers(tab)["JS, nats"] == "–"
        drag(tab, (70, 60), (330, 60))
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        new = tab.evaluate(
            f"async () => (await import('/live/game.js')).divergence({LIVE}.state.game.G, {LIVE}.state.game.law)"
        )
        assert numbers(tab)["JS, nats"] == f"{new:.3f}" != old
        inked = np.flatnonzero(tab.evaluate(f"() => {LIVE}.state.game.law.bars"))
        assert len(inked) == np.ptp(inked) + 1 > 8, "a sweep leaves no bar out"

    def test_far_data_are_reached_by_the_better_loss_only(self, opened):
        """What the figure's prompt sends the reader to see."""
        code = """(m, loss) => {
          const game = new m.Game(1);
          Object.assign(game, { loss });
          game.law.draw();
          game.law.bars = game.law.bars.map((_, k) => (k < 3 ? 1 : 0));
          while (!game.over) game.round();
          return m.divergence(game.G, game.law);
        }"""
        tab = opened("game")
        ends = [call(tab, "game", code, loss) for loss in ("saturating", "non-saturating")]
        assert ends[0] > 0.6
        assert ends[1] < 0.1


class TestNoise:
    """Against the closed forms in PyTorch, the chapter's own functions, and what must be true of any sampler."""

    STATE = "document.querySelector('.nb-live').live.state"
    NAMES: ClassVar[list] = ["linear", "cosine", "geometric"]
    PLACES = np.random.default_rng(5).normal(size=(12, 2)).tolist()

    @pytest.fixture(scope="class")
    @classmethod
    def chapter(cls):
        """The chapter's law, exact guess, schedules and sampler: its own code, without the rest of it."""
        wanted = {"levels", "sample", "exact_noise"}
        named = {"f64", "odds", "angles", "(centres, width)", "centres"}
        found = {"math": math, "torch": torch}
        for cell in json.loads((ROOT / "book/beyond/2_diffusion.ipynb").read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] != "code" or "%pip" in text:
                continue
            for part in ast.parse(text).body:
                function = isinstance(part, ast.FunctionDef) and part.name in wanted
                constant = isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) in named
                if function or constant:
                    exec(compile(ast.Module([part], []), "chapter", "exec"), found)
        assert wanted <= found.keys()
        return found

    @staticmethod
    def log_noisy(law: dict, x: torch.Tensor, a: float, b: float) -> torch.Tensor:
        """log p(cluster, x) of noisy points a x_0 + b noise: (N, clusters)."""
        centres, shares = (torch.tensor(law[key], dtype=torch.float64) for key in ("centres", "shares"))
        blurred = torch.distributions.Normal(a * centres, math.sqrt((a * law["width"]) ** 2 + b**2))
        return shares.log() + blurred.log_prob(x[:, None]).sum(-1)

    def slope(self, law, x, a, b, label=-1, weight=0.0):
        """Score by automatic differentiation of log p(x) + weight log p(label | x): (N, 2)."""
        x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        logs = self.log_noisy(law, x, a, b)
        value = logs.logsumexp(1) + (weight * logs.log_softmax(1)[:, label] if label >= 0 else 0)
        return torch.autograd.grad(value.sum(), x)[0].numpy()

    def law(self, tab, moved=True):
        """The page's law, or one whose clusters are not the chapter's."""
        law = call(tab, "noise", "(m) => m.chapterLaw()")
        return (
            law | {"shares": [0.1, 0.3, 0.2, 0.25, 0.15], "centres": [[0.5, 0.2], [-1, 2], [0.1, -0.4], [1.1, 0.3], [-2, -1]]}
            if moved
            else law
        )

    def test_the_law_is_the_chapters(self, opened, chapter):
        law = self.law(opened("noise"), moved=False)
        assert law["shares"] == pytest.approx(chapter["odds"].tolist())
        assert np.allclose(law["centres"], chapter["centres"], atol=1e-12)
        assert law["width"] == chapter["width"]

    @pytest.mark.parametrize(("label", "weight"), [(-1, 0), (3, 0), (0, 1), (2, 0.5), (3, 8)])
    def test_scores_and_velocities_are_slopes(self, opened, label, weight):
        tab = opened("noise")
        law = self.law(tab)
        score = "(m, law, xs, s, k, w) => xs.map(([x, y]) => m.score(law, x, y, s, k, w))"
        speed = "(m, law, xs, t, k, w) => xs.map(([x, y]) => m.velocity(law, x, y, t, k, w))"
        for sigma in (0.05, 0.4, 3.0, 20.0):
            ours = call(tab, "noise", score, law, self.PLACES, sigma, label, weight)
            a = 1 / math.sqrt(1 + sigma**2)
            theirs = self.slope(law, self.PLACES, a, sigma * a, label, weight)
            assert np.allclose(ours, theirs, atol=1e-9, rtol=1e-9), sigma
        for t in (0.1, 0.5, 0.95):
            ours = call(tab, "noise", speed, law, self.PLACES, t, label, weight)
            slope = self.slope(law, self.PLACES, t, 1 - t, label, weight)
            noise = -(1 - t) * slope
            theirs = (np.array(self.PLACES) - (1 - t) * noise) / t - noise
            assert np.allclose(ours, theirs, atol=1e-8, rtol=1e-8), t
        mean = np.array(law["shares"]) @ law["centres"]
        aim = mean if label < 0 else (1 - weight) * mean + weight * np.array(law["centres"][label])
        ours = call(tab, "noise", speed, law, self.PLACES, 0, label, weight)
        assert np.allclose(ours, aim - np.array(self.PLACES), atol=1e-12), "from pure noise: to the mean"

    def test_schedules(self, opened, chapter):
        tab = opened("noise")
        for name, count, high in itertools.product(self.NAMES, (1, 2, 7, 64), (0.5, 20.0)):
            ours = np.array(call(tab, "noise", "(m, ...given) => m.levels(...given)", name, count, 0.01, high))
            assert np.allclose(ours, chapter["levels"](name, count, 0.01, high), rtol=1e-9, atol=0), name
            assert (len(ours), ours[0], ours[-1]) == (count + 1, pytest.approx(0.01), pytest.approx(high))
            if name == "geometric":
                assert np.allclose(ours, np.geomspace(0.01, high, count + 1), rtol=1e-9)
            if name == "cosine":
                assert np.diff(np.arccos(1 / np.sqrt(1 + ours**2))) == pytest.approx(np.ptp(np.arctan([0.01, high])) / count)
        for count in (1, 2, 5, 64):
            ours = call(tab, "noise", "(m, n) => m.levels('even times', n).map((s) => 1 / (1 + s))", count)
            assert ours == pytest.approx(np.arange(count)[::-1] / count)

    def test_one_step_of_each_sampler(self, opened):
        """New noise: the law of x_{t-1} given x_t and the guessed x_0. Without: Euler's step in y. Flow: Euler's step in t."""
        tab = opened("noise")
        law, draws = self.law(tab), [0.7, -1.2]
        code = """(m, law, sampler, sigma, next, xs, draws, label, weight) => xs.map((x) => {
          const left = [...draws], spot = [...x];
          m.mover({ law, sampler, label, weight }, sigma, next)(spot, () => left.shift());
          return spot;
        })"""
        x = np.array(self.PLACES)
        for (sigma, after), (label, weight) in itertools.product([(3.0, 1.5), (0.3, 0.02), (0.01, 0.0)], [(-1, 0), (1, 3)]):
            kept, kept_after = 1 / (1 + sigma**2), 1 / (1 + after**2)
            noise = -math.sqrt(1 - kept) * self.slope(law, x.tolist(), math.sqrt(kept), math.sqrt(1 - kept), label, weight)
            clean, one = (x - math.sqrt(1 - kept) * noise) / math.sqrt(kept), kept / kept_after
            mean = (math.sqrt(kept_after) * (1 - one) * clean + math.sqrt(one) * (1 - kept_after) * x) / (1 - kept)
            spread = math.sqrt((1 - kept_after) * (1 - one) / (1 - kept))
            args = law, sigma, after, x.tolist(), draws, label, weight
            ours = [call(tab, "noise", code, args[0], sampler, *args[1:]) for sampler in range(3)]
            assert np.allclose(ours[1], mean + spread * np.array(draws), atol=1e-9)
            euler = x * math.sqrt(1 + sigma**2) + (after - sigma) * noise
            assert np.allclose(ours[0], euler / math.sqrt(1 + after**2), atol=1e-9)
            t, later = 1 / (1 + sigma), 1 / (1 + after)
            slope = self.slope(law, x.tolist(), t, 1 - t, label, weight)
            velocity = (x + (1 - t) ** 2 * slope) / t + (1 - t) * slope
            assert np.allclose(ours[2], x + (later - t) * velocity, atol=1e-9)

    def test_samples_are_those_of_the_chapters_sampler(self, opened, chapter):
        tab = opened("noise")
        code = """(m, name, count) => {
          const order = { law: m.chapterLaw(), sampler: 0, sigmas: m.levels(name, count) };
          const { ends, paths } = m.walker(order, 4)(50, 50);
          return [paths.map((path) => path[0]), [...ends], paths];
        }"""
        for name, count in itertools.product(self.NAMES, (3, 16)):
            start, ends, paths = call(tab, "noise", code, name, count)
            dice = torch.Generator()
            path = chapter["sample"](
                chapter["exact_noise"], torch.tensor(start, dtype=torch.float64), chapter["levels"](name, count), dice, 0.0
            )
            assert np.allclose(np.reshape(ends, (-1, 2)), path[-1][1], atol=1e-8)
            steps = np.array(paths).transpose(1, 0, 2)
            assert np.allclose(steps[:-1], np.array([x.numpy() for x, _ in path]), atol=1e-8)
            assert np.allclose(steps[-1], path[-1][1], atol=1e-8)

    def test_flow_matching_on_diffusions_levels_is_diffusion(self, opened):
        """Euler's step of the velocity is the step without new noise, in another unit: only the levels differ."""
        code = """(m, name, sampler) => {
          const order = { law: m.chapterLaw(), sampler, sigmas: m.levels(name, 12), label: 2, weight: 1.5 };
          return [...m.walker(order, 9)(100).ends];
        }"""
        tab = opened("noise")
        for name in [*self.NAMES, "even times"]:
            diffusion, flow = (call(tab, "noise", code, name, sampler) for sampler in (0, 2))
            assert np.allclose(diffusion, flow, atol=1e-8), name
        assert not np.allclose(call(tab, "noise", code, "cosine", 0), diffusion, atol=1e-2)

    def test_ten_seeds_reach_the_true_shares(self, opened):
        """2,000 points, 64 steps: within 4 standard deviations of true points, each seed and all together."""
        code = """(m, sampler, name) => Array.from({ length: 10 }, (_, k) => {
          const law = m.chapterLaw(), order = { law, sampler, sigmas: m.levels(name, 64, 0.01, 20) };
          return m.reached(law, m.walker(order, k + 1)(2000).ends);
        })"""
        tab, true = opened("noise"), np.array([0.36, 0.26, 0.18, 0.12, 0.08])
        for sampler, name in ((0, "cosine"), (1, "cosine"), (2, "even times")):
            shares = np.array(call(tab, "noise", code, sampler, name))
            spread = np.sqrt(true * (1 - true) / 2000)
            assert (abs(shares - true) < 4 * spread).all(), (sampler, abs(shares - true) / spread)
            assert (abs(shares.mean(0) - true) < 4 * spread / math.sqrt(10)).all(), (sampler, shares.mean(0))

    def test_points_follow_the_law_and_the_sharpened_law(self, opened):
        """Against sums over a fine grid of its own."""
        tab = opened("noise")
        law = self.law(tab) | {"width": 0.4}
        axis = torch.linspace(-4, 4, 321, dtype=torch.float64)
        grid = torch.cartesian_prod(axis, axis)
        logs = self.log_noisy(law, grid, 1.0, 0.0)
        for label, weight in ((-1, 0), (0, 0.5), (0, 1), (3, 3)):
            value = logs.logsumexp(1) + (weight * logs.log_softmax(1)[:, label] if label >= 0 else 0)
            mass = value.softmax(0)
            mean, shares = mass @ grid, mass @ logs.softmax(1)
            spread = (mass @ (grid - mean) ** 2).sqrt()
            found = np.reshape(
                call(tab, "noise", "(m, ...given) => [...m.points(...given)]", law, 20_000, 3, label, weight), (-1, 2)
            )
            assert np.allclose(found.mean(0), mean, atol=4 * spread.max() / math.sqrt(20_000))
            assert np.allclose(found.std(0), spread, rtol=0.03)
            reached = call(tab, "noise", "(m, law, set) => m.reached(law, set)", law, found.ravel().tolist())
            exact = self.log_noisy(law, torch.tensor(found), 1.0, 0.0).softmax(1).mean(0)
            assert np.allclose(reached, exact, atol=1e-9)
            assert np.allclose(reached, shares, atol=0.015)
            aim = call(tab, "noise", "(m, ...given) => m.target(...given).shares", law | {"width": 0.1}, label, weight)
            narrow = self.log_noisy(law | {"width": 0.1}, grid, 1.0, 0.0)
            value = narrow.logsumexp(1) + (weight * narrow.log_softmax(1)[:, label] if label >= 0 else 0)
            assert np.allclose(aim, value.softmax(0) @ narrow.softmax(1), atol=1e-6)

    def test_distance_is_a_mean_of_w1_over_shadows(self, opened):
        tab, dice = opened("noise"), np.random.default_rng(1)
        a, b = dice.normal(size=(200, 2)), dice.normal(size=(200, 2)) * [1, 2] + 0.3
        code = "(m, a, b) => m.gap(m.shadows(Float64Array.from(a)), m.shadows(Float64Array.from(b)))"
        ours = call(tab, "noise", code, a.ravel().tolist(), b.ravel().tolist())
        turns = np.pi * np.arange(32) / 32
        directions = np.stack([np.cos(turns), np.sin(turns)])
        theirs = [wasserstein_distance(u, v) for u, v in zip((a @ directions).T, (b @ directions).T, strict=True)]
        assert ours == pytest.approx(np.mean(theirs), abs=1e-9)

    def test_lines_hold_half_and_most_of_the_law(self, opened):
        """One round cluster: the lines are circles of known radii."""
        tab = opened("noise")
        law = {"shares": [1], "centres": [[0.4, -0.7]], "width": 0.3}
        code = """(m, law) => {
          const { values } = m.target(law);
          return m.heights(values).map((height) => m.contour(values, height));
        }"""
        for share, pieces in zip((0.5, 0.95), call(tab, "noise", code, law), strict=True):
            radius = 0.3 * math.sqrt(-2 * math.log(1 - share))
            ends = np.array(pieces).reshape(-1, 2)
            assert np.allclose(np.linalg.norm(ends - law["centres"][0], axis=1), radius, atol=0.005)
            length = np.linalg.norm(np.diff(np.array(pieces).reshape(-1, 2, 2), axis=1), axis=-1).sum()
            assert length == pytest.approx(2 * math.pi * radius, rel=0.02)

    def ready(self, tab):
        """The tab, when its 2,000 points are drawn and measured."""
        tab.wait_for_function(f"() => {self.STATE}.measured && !{self.STATE}.stale")
        settle(tab)
        return tab

    def get(self, tab, what: str):
        return tab.evaluate(f"() => {self.STATE}.{what}")

    def test_what_it_prints_is_what_it_has(self, opened):
        tab = self.ready(opened("noise"))
        said, shares = numbers(tab), self.get(tab, "shares")
        assert said["guesses a sample"] == "17"
        off = np.abs(np.array(shares) - [0.36, 0.26, 0.18, 0.12, 0.08]).max()
        assert said["largest error of a share"] == f"{off:.3f}"
        low, high = map(float, said["the law to itself"].split(" to "))
        assert 0.005 < low < high < 0.1
        tab.locator("label:has-text('steps') input").fill("2")
        self.ready(tab)
        assert numbers(tab)["guesses a sample"] == "3"
        assert float(numbers(tab)["distance to the law"]) > 1.3 * high, "two steps are too few"

    def test_the_same_seed_gives_the_same_picture(self, opened):
        ends = "() => [...document.querySelector('.nb-live').live.state.ends]"
        first = self.ready(opened("noise", viewport={"width": 600, "height": 800})).evaluate(ends)
        tab = self.ready(opened("noise"))
        assert tab.evaluate(ends) == first
        assert len(first) == 4000
        tab.locator("label:has-text('seed') input").fill("2")
        assert self.ready(tab).evaluate(ends) != first

    def test_time_goes_from_noise_to_data_and_stops(self, opened):
        tab = opened("noise")
        tab.click("text=Back to noise")
        assert self.get(tab, "time") == 0
        tab.click("text=One step")
        assert self.get(tab, "time") == pytest.approx(1 / 17)
        tab.click("button:text-is('Play')")
        tab.wait_for_function(f"() => {self.STATE}.time > 0.1")
        tab.wait_for_function(f"() => {self.STATE}.time === 1")
        settle(tab)
        assert tab.locator("button:text-is('Play')").count() == 1, "stopped"
        tab.focus("canvas")
        tab.keyboard.press("n")
        tab.keyboard.press("s")
        tab.keyboard.press("s")
        assert self.get(tab, "time") == pytest.approx(2 / 17)

    def test_reduced_motion_shows_the_end_at_once(self, opened):
        tab = opened("noise", reduced_motion="reduce")
        tab.click("text=Back to noise")
        tab.click("button:text-is('Play')")
        settle(tab)
        settle(tab)
        assert self.get(tab, "time") == 1
        assert tab.locator("button:text-is('Play')").count() == 1

    def test_it_can_begin_with_flow_matching(self, opened):
        tab = opened("noise", begin="flow")
        assert (self.get(tab, "sampler"), self.get(tab, "schedule")) == (2, 3)
        assert tab.locator("label:has-text('sampler') select").input_value() == "2"
        tab.locator("label:has-text('sampler') select").select_option("1")
        assert (self.get(tab, "sampler"), self.get(tab, "schedule")) == (1, 1), "a diffusion with its own schedule"

    def test_clusters_follow_the_mouse_and_the_keys(self, opened):
        tab = self.ready(opened("noise"))
        at = self.get(tab, "law.centres[2]")
        unit = min(0.56 * tab.locator("canvas").bounding_box()["width"] - 34, 396) / 6
        spot = 26 + (at[0] + 3) * unit, 22 + (3 - at[1]) * unit
        drag(tab, spot, (spot[0] + 0.5 * unit, spot[1] - unit))
        assert self.get(tab, "chosen") == 2
        assert tab.locator("label:has-text('share of cluster 3') output").inner_text() == "0.18"
        assert self.get(tab, "law.centres[2]") == pytest.approx([at[0] + 0.5, at[1] + 1], abs=0.03)
        tab.focus("canvas")
        tab.keyboard.press("5")
        before = self.get(tab, "law.centres[4]")
        tab.keyboard.press("ArrowLeft")
        assert self.get(tab, "law.centres[4]") == pytest.approx([before[0] - 0.1, before[1]])
        for _ in range(60):
            tab.keyboard.press("ArrowLeft")
        assert self.get(tab, "law.centres[4][0]") > -3, "it stays in the picture"
        tab.keyboard.press("+")
        assert self.get(tab, "law.shares") == pytest.approx(
            [0.36 * 0.9 / 0.92, 0.26 * 0.9 / 0.92, 0.18 * 0.9 / 0.92, 0.12 * 0.9 / 0.92, 0.1]
        )
        self.ready(tab)
        assert np.abs(np.array(self.get(tab, "shares")) - self.get(tab, "law.shares")).max() < 0.05
        tab.click("text=The chapter's law")
        assert self.get(tab, "law.centres[2]") == pytest.approx(at)

    def test_a_finger_moves_a_cluster_or_the_page(self, opened):
        tab = self.ready(opened("noise", has_touch=True, viewport={"width": 390, "height": 500}))
        tab.evaluate("() => { document.body.style.paddingBottom = '2000px'; }")
        box, remote = tab.locator("canvas").bounding_box(), tab.context.new_cdp_session(tab)
        unit = (box["width"] - 34) / 6 if box["width"] - 34 < 380 else 380 / 6

        def swipe(x, y, dx, dy):
            x, y = box["x"] + 26 + (x + 3) * unit, box["y"] + 22 + (3 - y) * unit
            remote.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
            for k in range(1, 9):
                remote.send(
                    "Input.dispatchTouchEvent",
                    {"type": "touchMove", "touchPoints": [{"x": x + dx * k / 8, "y": y + dy * k / 8}]},
                )
            remote.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            tab.wait_for_timeout(400)

        old = self.get(tab, "law.centres[1]")
        swipe(*old, 0, -unit)
        assert self.get(tab, "law.centres[1]") == pytest.approx([old[0], old[1] + 1], abs=0.05)
        assert tab.evaluate("scrollY") == 0
        laws = self.get(tab, "law.centres")
        swipe(0, 0, 0, -150)
        assert self.get(tab, "law.centres") == laws
        assert tab.evaluate("scrollY") > 50

    def test_a_share_of_one_forgets_no_proportions(self, opened):
        tab = opened("noise")
        shares = self.get(tab, "law.shares")
        for share in ("1", "0.36"):
            tab.locator("label:has-text('share of cluster') input").fill(share)
        assert self.get(tab, "law.shares") == pytest.approx(shares)

    def test_a_label_without_data_says_so_and_recovers(self, opened):
        tab = opened("noise")
        tab.locator("label:has-text('guide to') select").select_option("1")
        tab.locator("label:has-text('share of cluster') input").fill("0")
        settle(tab)
        assert "Cluster 1 has share 0" in tab.inner_text(".nb-live-note")
        assert numbers(tab)["distance to the law"] == "–"
        tab.click("button:text-is('Play')")
        settle(tab)
        assert tab.locator("button:text-is('Stop')").count() == 0
        tab.locator("label:has-text('share of cluster') input").fill("0.5")
        self.ready(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert self.get(tab, "shares")[0] > 0.99

    @pytest.mark.parametrize(
        ("broken", "word", "mend"),
        [
            ("law.shares = [0, 0, 0, 0, 0]", "no law", None),
            ("law.shares[1] = NaN", "no law", None),
            ("law.centres[0] = [NaN, 0]", "no place", None),
            ("steps = 2.5", "whole", "label:has-text('steps') input"),
            ("steps = 65", "whole", "label:has-text('steps') input"),
            ("weight = NaN", "Weight", "label:has-text('weight') input"),
        ],
    )
    def test_what_is_broken_is_named_and_can_be_mended(self, opened, broken, word, mend):
        tab = self.ready(opened("noise"))
        change = "const { state, figure } = document.querySelector('.nb-live').live; state.stale = true; figure.change();"
        tab.evaluate(f"() => {{ {change} state.{broken}; }}")
        settle(tab)
        assert word in tab.inner_text(".nb-live-note")
        if mend is None:
            tab.click("text=The chapter's law")
        else:
            tab.locator(mend).evaluate("(e) => { e.value = 8; e.dispatchEvent(new Event('input')); }")
        self.ready(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert float(numbers(tab)["distance to the law"]) < 0.5

    def test_a_hidden_label_has_no_distance(self, opened):
        tab = opened("noise")
        tab.evaluate("""() => {
          const { state, figure } = document.querySelector('.nb-live').live;
          state.law.centres = state.law.centres.map(() => [0.5, 0.5]);
          Object.assign(state, { label: 4, weight: 8, stale: true });
          figure.change();
        }""")
        self.ready(tab)
        assert "too rare to be drawn" in tab.inner_text(".nb-live-note")
        assert numbers(tab)["distance to the law"] == "–"

    def test_samples_that_leave_the_picture_are_counted(self, opened):
        tab = opened("noise")
        tab.locator("label:has-text('guide to') select").select_option("2")
        tab.locator("label:has-text('steps') input").fill("2")
        self.ready(tab)
        ends = np.array(tab.evaluate("() => [...document.querySelector('.nb-live').live.state.ends]")).reshape(-1, 2)
        outside = (abs(ends).max(1) > self.get(tab, "side")).sum()
        assert outside > 100
        assert tab.inner_text(".nb-live-note").startswith(f"{outside} of 2,000 samples")


CODES = STATIC / "live/data/codes.bin"
LIVE = "document.querySelector('.nb-live').live"


@pytest.fixture(scope="module")
def stored():
    """The model, the head and the ten pictures of the file that the page reads."""
    return live_weights.Codes.read(CODES)


class TestCodes:
    """Against PyTorch, with the weights of the same file."""

    GET = """async (m, given) => {
      const { model } = document.querySelector(".nb-live").live.state;
      return given.map(([picture, point, noise]) => {
        const { mean, std } = m.encode(model, picture), odds = m.decode(model, point), wide = std.map((s) => noise * s);
        const terms = [m.reconstruction(odds, picture), m.price(mean, wide), m.expected(model, picture, mean, wide)];
        return [mean, std, [...odds], ...terms];
      });
    }"""

    def pictures(self, ten) -> torch.Tensor:
        """The file's ten, noise, nothing, everything."""
        dice = torch.Generator().manual_seed(0)
        noise = torch.bernoulli(torch.full((3, 784), 0.3, dtype=torch.float64), generator=dice)
        return torch.cat([ten, noise, torch.zeros(1, 784), torch.ones(1, 784)])

    def test_file_is_of_the_chapters_code(self, stored):
        """When the chapter changes, `tools/live_weights.py vae/5` runs it and stores its new weights."""
        chapter = read(ROOT / "book/vae/5_variational_autoencoders.ipynb")
        assert stored[1]["hash"] == rest_hash(chapter.notebook)
        assert chapter.provenance["hash_rest"] == stored[1]["hash"]

    def test_weights_of_another_run_are_refused(self, monkeypatch, tmp_path, capsys):
        """One digit of one output is another: the cell is named, and nothing is written."""
        stored = nbformat.read(ROOT / "book/vae/5_variational_autoencoders.ipynb", 4)
        ran = copy.deepcopy(stored)
        (cell,) = [c for c in ran.cells if c.get("id") == "plane-show"]
        cell.execution_count = 99
        assert live_weights.differences(stored, ran) == []
        (text,) = [o for o in cell.outputs if o.output_type == "stream"]
        text.text = text.text.replace("0.15", "0.16")
        assert live_weights.differences(stored, ran) == ["cell plane-show"]
        monkeypatch.setattr(live_weights, "export", lambda *_: ({}, live_weights.differences(stored, ran)))
        monkeypatch.setattr(live_weights, "WEIGHTS", tmp_path)
        assert live_weights.main(["vae/5"]) == 1
        assert "cell plane-show" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_file_is_small(self):
        assert CODES.stat().st_size <= 350_000

    def test_numbers_are_those_of_pytorch(self, opened, stored):
        model, _, ten = stored
        x = self.pictures(ten)
        points = torch.randn(len(x), 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 1.5
        noise = torch.linspace(0.3, 3, len(x), dtype=torch.float64)
        mean, std = model.posterior(x)
        nodes, weights = np.polynomial.hermite_e.hermegauss(5)
        two = [torch.tensor([a, b]) for a in nodes for b in nodes]
        shares = [v * w / (2 * np.pi) for v in weights for w in weights]
        wide = std * noise[:, None]
        means = sum(share * model.reconstruction(mean + wide * node, x) for node, share in zip(two, shares, strict=True))
        want = [
            mean,
            std,
            model.through(model.decoder, points),
            model.reconstruction(points, x),
            model.price(mean, wide),
            means,
        ]
        given = [[a.tolist(), b.tolist(), c.item()] for a, b, c in zip(x, points, noise, strict=True)]
        found = call(opened("codes"), "codes", self.GET, given)
        for index, theirs in enumerate(want):
            ours = np.array([row[index] for row in found])
            assert np.abs(ours - theirs.numpy()).max() < 1e-5, index

    def test_rule_of_five_nodes_is_the_mean_over_draws(self, opened, stored):
        model, _, ten = stored
        given = [[x.tolist(), [0, 0], 1] for x in ten]
        found = torch.tensor([row[5] for row in call(opened("codes"), "codes", self.GET, given)])
        mean, std = model.posterior(ten)
        noise = torch.randn(20_000, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        for x, m, s, ours in zip(ten, mean, std, found, strict=True):
            nats = model.reconstruction(m + s * noise[:, 0], x)
            assert abs(nats.mean() - ours) < 0.1 + 4 * nats.std() / len(noise) ** 0.5

    @pytest.mark.parametrize("digit", range(10))
    def test_page_prints_them(self, opened, stored, digit):
        """After a digit is taken by its key, the point moved by the arrows and the noise set by the slider."""
        model, _, ten = stored
        tab, x = opened("codes"), ten[digit : digit + 1]
        tab.focus("canvas")
        tab.keyboard.press(str(digit))
        for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"):
            tab.keyboard.press(key)
        tab.locator("input[type=range]").fill("2")
        settle(tab)
        mean, std = model.posterior(x)
        point = mean + torch.tensor([[0.1, -0.1]])
        near, price = model.reconstruction(point, x), model.price(mean, 2 * std)
        shown = {k: v.replace("−", "-") for k, v in numbers(tab).items()}
        assert float(shown["reconstruction at the point, nats"]) == pytest.approx(near.item(), abs=0.00501)
        assert float(shown["price of the law, nats"]) == pytest.approx(price.item(), abs=0.00501)
        assert float(shown["sum"]) == pytest.approx((near + price).item(), abs=0.00501)
        for name, pair, digits in (("point", point, 2), ("mean μ", mean, 2), ("deviation σ", std, 3)):
            found = [float(v) for v in shown[name].strip("()").split(",")]
            assert found == pytest.approx(pair[0].tolist(), abs=0.501 * 10**-digits), name
        assert tab.input_value("select") == str(digit + 1)

    def test_the_law_can_be_moved_to_the_point(self, opened, stored):
        """Take the 3: the bound at the point is better than the encoder's."""
        model, _, ten = stored
        tab, x = opened("codes"), ten[3:4]
        tab.focus("canvas")
        tab.keyboard.press("3")
        settle(tab)
        first, name = numbers(tab), "minus the bound, by all draws"
        assert first["by the encoder's law"] == "–"
        tab.evaluate(f"() => {{ {LIVE}.state.point = [3.4, 0]; }}")
        tab.click("text=Move the law here")
        settle(tab)
        moved = numbers(tab)
        assert moved["mean μ"] == moved["point"] == "(3.40, 0.00)"
        assert moved["deviation σ"] == first["deviation σ"]
        assert moved["by the encoder's law"] == first[name]
        assert float(moved[name]) < float(first[name]) - 50
        _, std = model.posterior(x)
        price = model.price(torch.tensor([[3.4, 0.0]], dtype=torch.float64), std)
        assert float(moved["price of the law, nats"]) == pytest.approx(price.item(), abs=0.00501)
        tab.click("text=The encoder's law")
        settle(tab)
        assert numbers(tab) == first

    def test_draws_have_the_encoders_law(self, opened, stored):
        model, _, ten = stored
        tab = opened("codes")
        tab.click("text=Draw codes")
        tab.wait_for_function(f"() => {LIVE}.state.draws.length >= 4")
        tab.click("text=Stop")
        tab.focus("canvas")
        tab.keyboard.press("7")
        tab.locator("input[type=range]").fill("1.5")
        tab.evaluate("""() => {
          const canvas = document.querySelector("canvas");
          for (let k = 0; k < 200; k += 1) canvas.dispatchEvent(new KeyboardEvent("keydown", { key: " " }));
        }""")
        draws = np.array(tab.evaluate(f"() => {LIVE}.state.draws"))
        mean, std = model.posterior(ten[7:8])
        z = (draws - mean.numpy()) / (1.5 * std.numpy())
        assert len(z) == 200
        assert np.abs(z.mean(0)).max() < 4 / 200**0.5
        assert np.abs(z.std(0) - 1).max() < 4 / 400**0.5
        tab.focus("canvas")
        tab.keyboard.press("m")
        assert tab.evaluate(f"() => {LIVE}.state.point") == pytest.approx(mean[0].tolist(), abs=1e-9)

    def test_no_noise_costs_without_end(self, opened):
        tab = opened("codes")
        tab.locator("input[type=range]").fill("0")
        settle(tab)
        shown = numbers(tab)
        assert shown["price of the law, nats"] == "∞"
        assert shown["reconstruction at the point, nats"] != "∞"
        tab.locator("input[type=range]").fill("1")
        settle(tab)
        assert float(numbers(tab)["sum"]) == pytest.approx(float(numbers(tab)["minus the bound, by all draws"]), abs=30)

    def test_point_follows_mouse_and_stays_in_the_plane(self, opened, stored):
        model, _, _ = stored
        tab = opened("codes")
        point = f"() => {LIVE}.state.point"
        drag(tab, (176, 170), (251, 95))
        assert tab.evaluate(point) == pytest.approx([2, 2], abs=0.05)
        settle(tab)
        odds = model.through(model.decoder, torch.tensor([tab.evaluate(point)], dtype=torch.float64))[0]
        assert tab.evaluate(f"() => [...{LIVE}.state.odds]") == pytest.approx(odds.tolist(), abs=1e-5)
        drag(tab, (176, 170), (900, 300))
        assert tab.evaluate(point)[0] == 4
        tab.focus("canvas")
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(point)[0] == 4

    ONE: ClassVar = [[0.4, 0.2], [0.5, 0.1], [0.5, 0.9]]

    def centred(self, tab, strokes) -> np.ndarray | None:
        found = call(tab, "codes", "(m, strokes) => { const g = m.centred(strokes); return g && [...g]; }", strokes)
        return None if found is None else np.array(found).reshape(28, 28)

    def test_drawings_are_centred_like_the_data(self, opened):
        """Wherever and however large a digit is drawn: at most 20 pixels of ink, its centre of mass where MNIST has it."""
        tab = opened("codes")
        test = data.load("mnist", "test").x[:500, 0].double().numpy()
        rows, columns = np.indices((28, 28))
        usual = [[(test * k).sum((1, 2)) / test.sum((1, 2))] for k in (rows, columns)]
        first = self.centred(tab, [self.ONE, [[0.3, 0.9], [0.7, 0.9]]])
        moved = [[[0.05 + 0.4 * x, 0.5 + 0.4 * y] for x, y in s] for s in (self.ONE, [[0.3, 0.9], [0.7, 0.9]])]
        assert np.allclose(first, self.centred(tab, moved), atol=1e-9)
        for k, of in zip((rows, columns), usual, strict=True):
            assert (first * k).sum() / first.sum() == pytest.approx(np.mean(of), abs=0.1)
        rows_inked = np.argwhere(first.sum(1) > 0.05)
        assert np.ptp(rows_inked) + 1 in (20, 21)
        assert first.sum(1).argmax() > 18, "the foot is below"
        assert 0.4 < first.sum() / test.sum((1, 2)).mean() < 1.6
        assert self.centred(tab, []) is None
        dot = self.centred(tab, [[[0.9, 0.9]]])
        assert dot[14, 14] == 1
        assert 3 < dot.sum() < 12

    def test_a_line_of_the_pen(self, opened):
        """A level stroke: its profile is that of a pen of radius 1.1, with edges one pixel wide."""
        grey = self.centred(opened("codes"), [[[0.1, 0.5], [0.9, 0.5]]])
        assert grey[:, 14] == pytest.approx(np.clip(1.6 - abs(np.arange(28) - 14), 0, 1), abs=1e-9)
        assert (grey[14] > 0).sum() in (20, 21)

    def test_coins_follow_the_grey(self, opened):
        code = "(m) => [0, 0.25, 0.5, 1].map((g) => [...m.toss(new Float64Array(784).fill(g))])"
        tab = opened("codes")
        tossed = np.array(call(tab, "codes", code))
        assert set(np.unique(tossed)) == {0, 1}
        assert tossed.mean(1) == pytest.approx([0, 0.25, 0.5, 1], abs=4 * 0.5 / 28)
        assert tossed[:, 0].tolist() == sorted(tossed[:, 0].tolist())
        assert (tossed == np.array(call(tab, "codes", code))).all()

    @pytest.mark.parametrize("touch", [False, True])
    def test_a_drawn_digit_goes_through_the_encoder(self, opened, stored, touch):
        model, _, _ = stored
        tab = opened("codes", has_touch=touch, **({"viewport": {"width": 390, "height": 844}} if touch else {}))
        box = tab.locator("canvas").bounding_box()
        x, y = (60, box["width"] + 100) if touch else (440, 50)
        if touch:
            session = tab.context.new_cdp_session(tab)
            tab.evaluate(f"scrollBy(0, {box['y'] + y - 300})")
            box = tab.locator("canvas").bounding_box()
            for kind, step in (("touchStart", 0), *(("touchMove", k) for k in range(1, 9)), ("touchEnd", None)):
                points = [] if step is None else [{"x": box["x"] + x, "y": box["y"] + y + 10 * step}]
                session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        else:
            drag(tab, (x, y), (x, y + 110))
        settle(tab)
        picture = torch.tensor([tab.evaluate(f"() => [...{LIVE}.state.picture]")], dtype=torch.float64)
        assert 20 < picture.sum() < 80
        (stroke,) = tab.evaluate(f"() => {LIVE}.state.strokes")
        assert stroke[0][1] < 0.4 < 0.6 < stroke[-1][1], "downwards"
        assert picture[0].tolist() == call(tab, "codes", "(m, s) => [...m.toss(m.centred(s))]", [stroke])
        assert tab.input_value("select") == "0"
        mean, std = model.posterior(picture)
        law = tab.evaluate(f"() => {LIVE}.state.law")
        assert law["mean"] == pytest.approx(mean[0].tolist(), abs=1e-5)
        assert law["std"] == pytest.approx(std[0].tolist(), abs=1e-5)
        terms = tab.evaluate(f"() => {LIVE}.state.terms")
        assert terms["price"] == pytest.approx(model.price(mean, std).item(), abs=1e-5)

    def test_a_finger_beside_plane_and_sheet_scrolls_the_page(self, opened):
        tab = opened("codes", has_touch=True, viewport={"width": 390, "height": 600})
        tab.evaluate("() => { document.body.style.paddingBottom = '2000px'; scrollTo(0, 300); }")
        session = tab.context.new_cdp_session(tab)
        width = tab.locator("canvas").bounding_box()["width"]
        for x, y, scrolls in ((width * 0.75, width + 120, True), (60, width + 120, False), (width / 2, width - 60, False)):
            tab.evaluate("() => scrollTo(0, 300)")
            box = tab.locator("canvas").bounding_box()
            for kind, step in (("touchStart", 0), *(("touchMove", k) for k in range(1, 9)), ("touchEnd", None)):
                points = [] if step is None else [{"x": box["x"] + x, "y": box["y"] + y - 12 * step}]
                session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            settle(tab)
            assert (tab.evaluate("scrollY") != 300) == scrolls, (x, y)

    def test_an_empty_sheet_says_so_and_recovers(self, opened):
        tab = opened("codes")
        tab.click("text=Clear the sheet")
        settle(tab)
        assert "The sheet is empty" in tab.inner_text(".nb-live-note")
        assert numbers(tab)["sum"] == "–"
        for name in ("One draw", "To the mean"):
            tab.click(f"text={name}")
        drag(tab, (176, 170), (251, 95))
        settle(tab)
        assert numbers(tab)["sum"] == "–"
        tab.select_option("select", label="4")
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert numbers(tab)["sum"] != "–"

    @pytest.mark.parametrize("fault", ["missing", "cut", "other", "away"])
    def test_no_weights_say_so_and_can_be_loaded_again(self, browser, address, fault):
        context = browser.new_context(viewport={"width": 900, "height": 1000})
        tab, errors = context.new_page(), []
        tab.on("pageerror", lambda e: errors.append(str(e)))
        whole = CODES.read_bytes()
        answers = {"missing": {"status": 404}, "cut": {"body": whole[:200_000]}, "other": {"body": b"<!doctype html>"}}

        def instead(route):
            route.abort() if fault == "away" else route.fulfill(**answers[fault])

        tab.route("**/codes.bin", instead)
        tab.goto(f"{address}/codes.html")
        tab.click("text=Run it here")
        tab.wait_for_function("() => document.querySelector('.nb-live').live")
        said = {
            "missing": "the server answers 404",
            "cut": "the file is cut off",
            "other": "no file of weights",
            "away": "etch",
        }
        assert "could not be loaded" in tab.inner_text(".nb-live-note")
        assert said[fault] in tab.inner_text(".nb-live-note")
        tab.focus("canvas")
        for key in ("3", " ", "m", "c", "ArrowUp"):
            tab.keyboard.press(key)
        drag(tab, (20, 20), (50, 50))
        for name in ("Clear the sheet", "One draw", "To the mean"):
            tab.click(f"text={name}")
        tab.click("text=Load again")
        settle(tab)
        assert "could not be loaded" in tab.inner_text(".nb-live-note")
        tab.unroute("**/codes.bin")
        tab.click("text=Load again")
        tab.wait_for_function(f"() => {LIVE}.state.model")
        settle(tab)
        assert tab.inner_text(".nb-live-note") == ""
        assert not tab.locator("text=Load again").is_visible()
        assert float(numbers(tab)["sum"]) > 50
        assert errors == []
        context.close()

    def test_slow_where_motion_is_unwanted(self, opened):
        counts = []
        for wish in ("no-preference", "reduce"):
            tab = opened("codes", reduced_motion=wish)
            tab.click("text=Draw codes")
            tab.wait_for_function(f"() => {LIVE}.figure.frames > 40")
            frames, draws = tab.evaluate(f"() => [{LIVE}.figure.frames, {LIVE}.state.draws.length]")
            counts.append(draws / frames)
        assert counts[0] == pytest.approx(1 / 6, abs=0.05)
        assert counts[1] <= 2 / 40

    def test_colours_follow_the_theme(self, opened):
        tab = opened("codes")
        corner = "() => [...document.querySelector('canvas').getContext('2d').getImageData(300, 300, 60, 1).data]"
        settle(tab)
        light = tab.evaluate(corner)
        tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        settle(tab)
        assert tab.evaluate(corner) != light
