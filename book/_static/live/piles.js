// Two piles of earth on a line: the cheapest plan, Wasserstein distances and divergences while they are moved and reshaped.
// Everything is exact: on a line the plan that keeps the order is the cheapest one for every order r >= 1.
import { Panel, clamp, shown } from "./live.js";

const PLACES = 12, MOST = 10, FAR = 8;
export const P = [2, 5, 4, 1, 0, 0, 0, 0, 0, 2, 4, 2], Q = [0, 0, 0, 1, 3, 5, 5, 4, 2, 0, 0, 0];

const total = (masses) => masses.reduce((a, b) => a + b, 0);

// The order-keeping plan of two piles as pieces {mass, from: [a, b], to: [c, d]}: the piece of p between a and b goes to that of q
// between c and d, evenly. spread = 0: each mass lies at its point; 1: it is spread over its bar, a unit wide.
export function plan(p, q, shift = 0, spread = 0) {
  const earth = total(p), hole = total(q);
  if (!(earth > 0) || !(hole > 0)) throw new Error(`${earth > 0 ? "q" : "p"} holds nothing: lift one of its bars`);
  const pieces = [];
  let i = 0, j = 0, usedP = 0, usedQ = 0; // shares of bars i and j that are carried already
  while (i < p.length && j < q.length) {
    const leftP = (p[i] / earth) * (1 - usedP), leftQ = (q[j] / hole) * (1 - usedQ);
    if (leftP <= 1e-15) { i += 1; usedP = 0; continue; }
    if (leftQ <= 1e-15) { j += 1; usedQ = 0; continue; }
    const mass = Math.min(leftP, leftQ), stepP = (mass * earth) / p[i], stepQ = (mass * hole) / q[j];
    const of = (place, share) => place + spread * (share - 0.5);
    pieces.push({ mass, from: [of(i, usedP), of(i, usedP + stepP)], to: [of(j + shift, usedQ), of(j + shift, usedQ + stepQ)] });
    if (leftP <= leftQ) { i += 1; usedP = 0; } else usedP += stepP;
    if (leftQ <= leftP) { j += 1; usedQ = 0; } else usedQ += stepQ;
  }
  return pieces;
}

// (W1, W2) of a plan that keeps the order: on each piece the journey is linear in the quantile.
export function wasserstein(pieces) {
  let first = 0, second = 0;
  for (const { mass, from, to } of pieces) {
    const a = to[0] - from[0], b = to[1] - from[1];
    first += mass * (a * b >= 0 ? (Math.abs(a) + Math.abs(b)) / 2 : (a * a + b * b) / (2 * (Math.abs(a) + Math.abs(b))));
    second += (mass * (a * a + a * b + b * b)) / 3;
  }
  return [first, Math.sqrt(second)];
}

// KL(p||q), KL(q||p) and JS, in nats: of point masses (spread 0) or of the densities of the bars (spread 1).
export function divergences(p, q, shift = 0, spread = 0) {
  const earth = total(p), hole = total(q), pairs = [];
  if (spread === 0) {
    const places = new Map();
    const add = (x, mass, which) => {
      const key = Math.round(x * 1e6);
      if (!places.has(key)) places.set(key, [0, 0]);
      places.get(key)[which] += mass;
    };
    p.forEach((mass, i) => add(i, mass / earth, 0));
    q.forEach((mass, j) => add(j + shift, mass / hole, 1));
    pairs.push(...places.values());
  } else {
    const edges = [...p.keys(), p.length].map((i) => i - 0.5);
    const cuts = [...new Set([...edges, ...edges.map((x) => x + shift)].map((x) => Math.round(x * 1e6) / 1e6))].sort((a, b) => a - b);
    for (let k = 0; k + 1 < cuts.length; k += 1) {
      const middle = (cuts[k] + cuts[k + 1]) / 2, width = cuts[k + 1] - cuts[k];
      pairs.push([((p[Math.round(middle)] || 0) / earth) * width, ((q[Math.round(middle - shift)] || 0) / hole) * width]);
    }
  }
  const relative = (a, b) => (a === 0 ? 0 : b === 0 ? Infinity : a * Math.log(a / b));
  const sum = (term) => pairs.reduce((s, [a, b]) => s + term(a, b), 0);
  const halves = (a, b) => (relative(a, (a + b) / 2) + relative(b, (a + b) / 2)) / 2;
  return { forward: sum(relative), reverse: sum((a, b) => relative(b, a)), js: sum(halves) };
}

const mean = (masses) => masses.reduce((s, m, i) => s + m * i, 0) / total(masses);

export default function piles(figure) {
  const state = { p: [...P], q: [...Q], shift: 0, spread: 0, at: 0, which: "p" };
  let curve = null, direction = 1, upper, lower, chart;
  figure.describe(
    "Two piles of earth. Drag a bar up or down to change it. Keys: left and right choose a place, up and down change its mass, space changes the pile.",
  );
  const moved = figure.slider("move q by", { min: -FAR, max: FAR, step: 0.1, value: 0 }, (value) => (state.shift = value));
  const reshape = () => { curve = null; };
  figure.toggle("spread over bars", false, (on) => { state.spread = on ? 1 : 0; reshape(); });
  figure.runButton("Let q travel");
  figure.button("q := p", () => { state.q = [...state.p]; reshape(); });
  figure.button("Start again", () => {
    Object.assign(state, { p: [...P], q: [...Q], shift: 0 });
    moved.value = 0;
    reshape();
  });
  const names = ["W₁", "W₂", "JS (nats)", "KL(p‖q)", "KL(q‖p)", "means apart"].map((name) => figure.number(name));
  figure.step = () => {
    state.shift = Math.round((state.shift + 0.1 * direction) * 10) / 10;
    if (Math.abs(state.shift) >= FAR) direction = -Math.sign(state.shift);
    moved.value = state.shift;
  };

  const bars = () => [[upper, state.p, 0, 1], [lower, state.q, state.shift, -1]];
  let grasped = null;
  const set = (px, py) => {
    const [panel, masses, shift] = bars()[grasped.pile];
    const [, y] = panel.at(px, py);
    masses[grasped.place] = clamp(Math.round(Math.abs(grasped.pile ? Math.min(0, y) : Math.max(0, y))), 0, MOST);
    Object.assign(state, { at: grasped.place, which: "pq"[grasped.pile] });
    reshape();
  };
  figure.pointer((px, py) => {
    const pile = upper.has(px, py) ? 0 : lower.has(px, py) ? 1 : -1;
    if (pile < 0) return false;
    const [panel, , shift] = bars()[pile];
    const place = Math.round(panel.at(px, py)[0] - shift);
    if (place < 0 || place >= PLACES) return false;
    grasped = { pile, place };
    set(px, py);
    return true;
  }, set);
  const lift = (by) => {
    const masses = state[state.which];
    masses[state.at] = clamp(masses[state.at] + by, 0, MOST);
    reshape();
  };
  figure.keys({
    ArrowLeft: () => (state.at = Math.max(0, state.at - 1)),
    ArrowRight: () => (state.at = Math.min(PLACES - 1, state.at + 1)),
    ArrowUp: () => lift(1),
    ArrowDown: () => lift(-1),
    " ": () => (state.which = state.which === "p" ? "q" : "p"),
  });

  figure.draw = () => {
    const width = figure.size(412), { pen, colours } = figure, [blue, orange] = colours.hues;
    const inner = width - 52;
    // On a phone the places follow q, so that a bar stays wide enough for a finger.
    const [low, high] = width < 560 ? [Math.min(0, state.shift), Math.max(0, state.shift)] : [-FAR, FAR];
    const places = [low - 1, PLACES + high], within = (x) => x >= places[0] && x <= places[1];
    upper = new Panel(pen, [40, 18, inner, 84], places, [0, MOST]);
    lower = new Panel(pen, [40, 164, inner, 84], places, [-MOST, 0]);
    chart = new Panel(pen, [40, 304, inner, 76], [-FAR, FAR], [0, 1.05]);
    let pieces = null;
    try {
      pieces = plan(state.p, state.q, state.shift, state.spread);
      figure.say("");
    } catch (error) {
      figure.say(error.message);
    }
    upper.frame(colours, { y: "p: earth, in units of mass", rows: [[0, "0"], [MOST, String(MOST)]] });
    lower.frame(colours, { x: "place (q, below, wants earth)", ticks: [-8, -4, 0, 4, 8, 12, 16].filter(within), rows: [[0, "0"], [-MOST, String(MOST)]] });
    chart.frame(colours, { ticks: [-8, -4, 0, 4, 8], rows: [[0, "0"], [1, "1"]], x: "how far q is moved (not the places' scale)", y: "blue: W₁ over its largest here; orange: JS over log 2" });
    const unit = upper.x(1) - upper.x(0);
    const bar = (panel, place, height, colour, chosen) => {
      const wide = state.spread ? unit : Math.max(3, unit * 0.4);
      pen.fillStyle = colour;
      pen.fillRect(panel.x(place) - wide / 2, panel.y(Math.max(0, height)), wide - 0.5, Math.abs(panel.y(height) - panel.y(0)));
      if (chosen && document.activeElement === figure.canvas) {
        pen.strokeStyle = colours.ink;
        pen.strokeRect(panel.x(place) - unit / 2, panel.top + 1, unit, panel.height - 2);
      }
    };
    state.p.forEach((mass, i) => bar(upper, i, mass, blue, state.which === "p" && state.at === i));
    state.q.forEach((mass, j) => bar(lower, j + state.shift, -mass, orange, state.which === "q" && state.at === j));
    if (!pieces) {
      for (const set of names) set("–");
      return;
    }
    pen.globalAlpha = 0.5;
    for (const { mass, from, to } of pieces) {
      const a = upper.x((from[0] + from[1]) / 2), b = lower.x((to[0] + to[1]) / 2);
      pen.beginPath();
      pen.moveTo(a, upper.top + upper.height);
      pen.bezierCurveTo(a, 130, b, 136, b, lower.top);
      pen.strokeStyle = colours.soft;
      pen.lineWidth = Math.max(0.8, mass * 60);
      pen.stroke();
    }
    pen.globalAlpha = 1;
    if (!curve) {
      curve = [];
      for (let k = -10 * FAR; k <= 10 * FAR; k += 1) {
        const shift = k / 10;
        const [first, second] = wasserstein(plan(state.p, state.q, shift, state.spread));
        curve.push({ shift, first, second, js: divergences(state.p, state.q, shift, state.spread).js });
      }
    }
    const top = Math.max(...curve.map((c) => c.first));
    chart.line(curve.map((c) => [c.shift, c.first / top]), blue, 2);
    if (state.spread) chart.line(curve.map((c) => [c.shift, c.js / Math.LN2]), orange, 2);
    else curve.forEach((c) => chart.dot(c.shift, c.js / Math.LN2, orange, 1.6));
    const [first, second] = wasserstein(pieces), apart = divergences(state.p, state.q, state.shift, state.spread);
    chart.dot(state.shift, first / top, blue, 5);
    chart.dot(state.shift, apart.js / Math.LN2, orange, 5);
    const values = [first, second, apart.js, apart.forward, apart.reverse, Math.abs(mean(state.q) + state.shift - mean(state.p))];
    values.forEach((value, index) => names[index](shown(value)));
  };
  figure.change();
  return state;
}
