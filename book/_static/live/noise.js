// From noise to data: a law of round clusters in the plane, whose score is exact, and samplers that draw noise back to it.
// A noisy point is a x_0 + b noise: for diffusion a^2 + b^2 = 1 and sigma = b / a, for flow matching a = t and b = 1 - t. The best
// guesses of x_0 and of the noise have one closed form for both, also at sigma = infinity; the samplers need nothing else.
import { Panel, clamp, dice, normals, shown } from "./live.js";

const SHARES = [0.36, 0.26, 0.18, 0.12, 0.08], SIDE = 3, REACH = 2.6, GRID = 240, MOST = 64, TRIES = 200000;
const PATHS = 40, MANY = 2000, PART = 250, FRESH = 6, HELD = [0.5, 0.95];
export const SCHEDULES = ["linear", "cosine", "geometric", "even times"], HIGHS = [0.5, 1, 2, 5, 10, 20, 50];
export const SAMPLERS = ["no new noise (DDIM)", "new noise (ancestral)", "flow matching (Euler)"];

// The chapter's five clusters.
export function chapterLaw() {
  const place = (k) => 0.3 + (2 * Math.PI * k) / SHARES.length;
  return { shares: [...SHARES], centres: SHARES.map((_, k) => [1.3 * Math.cos(place(k)), 1.3 * Math.sin(place(k))]), width: 0.1 };
}

// Ratios of noise to signal where a guess is made, growing: `count` + 1 of them between the ends, as in the chapter; "even times"
// are flow matching's, `count` equal steps of t from 0 (pure noise) to 1.
export function levels(name, count, low = 0.01, high = 20) {
  if (name === "even times") return Array.from({ length: count }, (_, k) => (k + 1) / (count - 1 - k));
  const between = (a, b) => Array.from({ length: count + 1 }, (_, k) => a + (k / count) * (b - a));
  if (name === "cosine") return between(Math.atan(low), Math.atan(high)).map(Math.tan);
  if (name === "geometric") return between(0, 1).map((u) => low * (high / low) ** u);
  const slow = 0.1, fast = 20, late = (s) => (Math.sqrt(slow ** 2 + 2 * (fast - slow) * Math.log1p(s * s)) - slow) / (fast - slow);
  return between(late(low), late(high)).map((t) => Math.sqrt(Math.expm1(slow * t + ((fast - slow) * t * t) / 2)));
}

// A function that, at a noisy point, fills `odds` with p(cluster | point) and `out` with the best guesses of x_0 and of the noise,
// [x, y, noise x, noise y]; `weight` leans them towards the label's. It makes nothing anew: a frame may ask thousands of times.
export function reader(law, label = -1, weight = 0) {
  const count = law.shares.length, logs = law.shares.map(Math.log), odds = new Float64Array(count), out = new Float64Array(4);
  const at = law.centres.flat(), own = law.width ** 2, base = label < 0 ? 1 : 1 - weight;
  const read = (x, y, a, b) => {
    const variance = a * a * own + b * b, pull = (a * own) / variance, push = b / variance;
    let top = -Infinity, all = 0;
    for (let k = 0; k < count; k += 1) {
      const dx = x - a * at[2 * k], dy = y - a * at[2 * k + 1];
      odds[k] = logs[k] - (dx * dx + dy * dy) / (2 * variance);
      if (odds[k] > top) top = odds[k];
    }
    for (let k = 0; k < count; k += 1) {
      odds[k] = odds[k] - top > -700 ? Math.exp(odds[k] - top) : 0;
      all += odds[k];
    }
    out.fill(0);
    for (let k = 0; k < count; k += 1) {
      odds[k] /= all;
      const lean = base * odds[k] + (k === label ? weight : 0), dx = x - a * at[2 * k], dy = y - a * at[2 * k + 1];
      out[0] += lean * (at[2 * k] + pull * dx);
      out[1] += lean * (at[2 * k + 1] + pull * dy);
      out[2] += lean * push * dx;
      out[3] += lean * push * dy;
    }
    return read;
  };
  return Object.assign(read, { odds, out });
}

const split = (sigma) => [1 / Math.hypot(1, sigma), sigma === Infinity ? 1 : sigma / Math.hypot(1, sigma)];

// The slope of the log density of diffusion's noisy points, guided or not.
export function score(law, x, y, sigma, label = -1, weight = 0) {
  const [a, b] = split(sigma), { out } = reader(law, label, weight)(x, y, a, b);
  return [-out[2] / b, -out[3] / b];
}

// Flow matching's velocity E[x_0 - noise | x_t = x], guided or not.
export function velocity(law, x, y, t, label = -1, weight = 0) {
  const { out } = reader(law, label, weight)(x, y, t, 1 - t);
  return [out[0] - out[2], out[1] - out[3]];
}

// What a step of each sampler from sigma to a smaller one, `next`, does to a point; with next = 0 it ends at the guessed x_0.
export function mover({ law, sampler, label = -1, weight = 0 }, sigma, next) {
  const read = reader(law, label, weight), { out } = read;
  if (sampler === 2) { // Euler's step of t
    const t = 1 / (1 + sigma), by = 1 / (1 + next) - t;
    return (spot) => {
      read(spot[0], spot[1], t, 1 - t);
      spot[0] += by * (out[0] - out[2]);
      spot[1] += by * (out[1] - out[3]);
    };
  }
  const [a, b] = split(sigma), [c, d] = split(next);
  const fresh = sampler === 1 ? (d / b) ** 2 * (1 - (a / c) ** 2) : 0; // the variance that is drawn anew
  const kept = Math.sqrt(Math.max(0, d * d - fresh)), drawn = Math.sqrt(fresh);
  return (spot, gauss) => {
    read(spot[0], spot[1], a, b);
    spot[0] = c * out[0] + kept * out[2];
    spot[1] = c * out[1] + kept * out[3];
    if (drawn > 0) {
      spot[0] += drawn * gauss();
      spot[1] += drawn * gauss();
    }
  };
}

// Draws points from noise down the order's levels: `take(number, whole)` gives where the next ones end, [x, y, x, y, ...], and the
// paths of the first `whole`. Starts depend on the seed alone: without new noise, all samplers lead the same noise to their ends.
export function walker(order, seed) {
  const start = normals(dice(2 * seed)), anew = normals(dice(2 * seed + 1000001)), { sigmas } = order, top = sigmas[sigmas.length - 1];
  const unit = order.sampler === 2 && top < Infinity ? Math.hypot(1, top) / (1 + top) : 1; // noise of flow matching's first time
  const moves = sigmas.map((sigma, k) => mover(order, sigma, k > 0 ? sigmas[k - 1] : 0)).reverse();
  return (number, whole = 0) => {
    const ends = new Float64Array(2 * number), paths = [];
    for (let n = 0; n < number; n += 1) {
      const spot = [unit * start(), unit * start()], path = n < whole ? [[...spot]] : null;
      for (const move of moves) {
        move(spot, anew);
        if (path) path.push([...spot]);
      }
      ends.set(spot, 2 * n);
      if (path) paths.push(path);
    }
    return { ends, paths };
  };
}

// Points of the law, or (weight > 0) of p(x) p(label | x)^weight / Z, by drawing and keeping; null if too few are kept.
export function points(law, number, seed, label = -1, weight = 0) {
  const random = dice(seed), gauss = normals(random), all = law.shares.reduce((s, p) => s + p, 0), found = new Float64Array(2 * number);
  const guided = label >= 0 && weight > 0, direct = guided && weight >= 1, read = reader(law);
  for (let kept = 0, tries = 0; kept < number; tries += 1) {
    if (tries > TRIES) return null;
    let k = 0, left = random() * all;
    while (k < law.shares.length - 1 && left >= law.shares[k]) { left -= law.shares[k]; k += 1; }
    const [u, v] = law.centres[direct ? label : k], x = u + law.width * gauss(), y = v + law.width * gauss();
    if (guided && random() >= read(x, y, 1, 0).odds[label] ** (direct ? weight - 1 : weight)) continue;
    found[2 * kept] = x;
    found[2 * kept + 1] = y;
    kept += 1;
  }
  return found;
}

// Shadows of points on 32 directions, each sorted; and the chapter's distance of two sets, the mean W1 of their shadows.
export function shadows(set) {
  return Array.from({ length: 32 }, (_, k) => {
    const c = Math.cos((Math.PI * k) / 32), s = Math.sin((Math.PI * k) / 32), shadow = new Float64Array(set.length / 2);
    for (let n = 0; n < shadow.length; n += 1) shadow[n] = c * set[2 * n] + s * set[2 * n + 1];
    return shadow.sort();
  });
}

export function gap(first, second) {
  let sum = 0;
  first.forEach((shadow, k) => { for (let n = 0; n < shadow.length; n += 1) sum += Math.abs(shadow[n] - second[k][n]); });
  return sum / (first.length * first[0].length);
}

// Share of each cluster in a set of points: the mean of p(cluster | x), which needs no border between clusters.
export function reached(law, set) {
  const sums = law.shares.map(() => 0), read = reader(law);
  for (let n = 0; n < set.length; n += 2) {
    read(set[n], set[n + 1], 1, 0);
    for (let k = 0; k < sums.length; k += 1) sums[k] += read.odds[k];
  }
  return sums.map((s) => s / (set.length / 2));
}

// The law that is aimed at, sharpened or not, on a grid: its values (GRID + 1 squared, not normalised) and its clusters' shares.
export function target(law, label = -1, weight = 0) {
  const step = (2 * SIDE) / GRID, side = GRID + 1, values = new Float64Array(side * side), sums = law.shares.map(() => 0);
  const table = (k, d) => Float64Array.from({ length: side }, (_, i) => Math.exp(-(((i * step - SIDE - law.centres[k][d]) / law.width) ** 2) / 2));
  const across = law.shares.map((_, k) => table(k, 0)), up = law.shares.map((_, k) => table(k, 1)), parts = law.shares.map(() => 0);
  for (let j = 0; j < side; j += 1) {
    const rows = up.map((column, k) => law.shares[k] * column[j]);
    if (rows.every((height) => height < 1e-24)) continue;
    for (let i = 0; i < side; i += 1) {
      let p = 0;
      for (let k = 0; k < parts.length; k += 1) { parts[k] = rows[k] * across[k][i]; p += parts[k]; }
      if (p < 1e-24) continue;
      const bend = label >= 0 && weight > 0 ? (parts[label] / p) ** weight : 1;
      values[j * side + i] = p * bend;
      for (let k = 0; k < parts.length; k += 1) sums[k] += parts[k] * bend;
    }
  }
  const all = sums.reduce((s, v) => s + v, 0);
  return { values, shares: sums.map((s) => s / all) };
}

// The heights above which a share of the mass lies, for values on a grid.
export function heights(values, held = HELD) {
  const found = [];
  let top = 0, some = 0, all = 0, sum = 0;
  for (let n = 0; n < values.length; n += 1) if (values[n] > top) top = values[n];
  const sorted = new Float64Array(values.length);
  for (let n = 0; n < values.length; n += 1) if (values[n] > 1e-6 * top) { sorted[some] = values[n]; all += values[n]; some += 1; }
  for (const v of sorted.subarray(0, some).sort().reverse()) {
    sum += v;
    while (found.length < held.length && sum >= held[found.length] * all) found.push(v);
  }
  return found;
}

// Pieces of the line where values on the grid pass a height: [x, y, x, y] each (marching squares).
export function contour(values, height) {
  const side = GRID + 1, step = (2 * SIDE) / GRID, pieces = [];
  for (let j = 0; j < GRID; j += 1) {
    for (let i = 0; i < GRID; i += 1) {
      const corner = j * side + i, over = values[corner] > height;
      if (values[corner + 1] > height === over && values[corner + side] > height === over && values[corner + side + 1] > height === over) continue;
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]], at = corners.map(([a, b]) => values[b * side + a] - height);
      const high = at.map((v) => v > 0), cuts = [];
      for (let k = 0; k < 4; k += 1) {
        const n = (k + 1) % 4, u = at[k] / (at[k] - at[n]);
        if (high[k] !== high[n]) cuts.push([0, 1].map((d) => (corners[k][d] + u * (corners[n][d] - corners[k][d])) * step - SIDE));
      }
      for (let k = 0; k + 1 < cuts.length; k += 2) pieces.push([...cuts[k], ...cuts[k + 1]]);
    }
  }
  return pieces;
}

// What is wrong with an order, in words; "" if nothing is.
export function trouble({ law, label, weight, steps, seed }) {
  const sum = law.shares.reduce((s, p) => s + p, 0), places = law.centres.flat();
  if (!law.shares.every((p) => p >= 0) || !(sum > 0 && sum < Infinity)) return "The shares are no law: each must be 0 or more, and one more than 0. “The chapter's law” mends it.";
  if (!places.every(Number.isFinite) || !(law.width > 0)) return "A cluster has no place. “The chapter's law” mends it.";
  if (!Number.isInteger(steps) || steps < 1 || steps > MOST) return `The number of steps must be whole, from 1 to ${MOST}: move its slider.`;
  if (!(weight >= 0 && weight <= 8) || !Number.isInteger(seed)) return "Weight or seed is no number in its range: move its slider.";
  if (label >= 0 && !(law.shares[label] > 0)) return `Cluster ${label + 1} has share 0, so no datum carries its label: give it a share, or choose another label.`;
  return "";
}

export default function noise(figure) {
  const flow = figure.box.dataset.begin === "flow", still = matchMedia("(prefers-reduced-motion: reduce)");
  const state = {
    law: chapterLaw(), sampler: flow ? 2 : 0, schedule: flow ? 3 : 1, steps: 16, high: 20, label: -1, weight: 2, seed: 1,
    chosen: 0, time: 1, stale: true, sets: null, key: "",
  };
  let plane, cloud, timer = 0, ticket = 0, told = "", last = 0;
  figure.describe("Noise drawn back to five clusters. Drag a cluster. Keys: 1 to 5 choose one, arrows move it, plus and minus change its share, p plays, s takes a step, n goes back to noise.");
  const alter = (changes) => { Object.assign(state, changes, { stale: true }); };
  const order = () => ({
    law: structuredClone(state.law), sampler: state.sampler, label: state.label, weight: state.label < 0 ? 0 : state.weight,
    sigmas: levels(SCHEDULES[state.schedule], state.steps, 0.01, state.high),
  });
  const stops = () => (state.schedule === 3 ? state.steps : state.steps + 1); // every guess leads to a place
  const show = (time) => {
    state.time = clamp(time, 0, 1);
    slide.value = state.time;
    figure.change();
  };
  const play = () => figure.run(!figure.running);
  const one = () => {
    figure.run(false);
    show(state.time >= 1 ? 0 : (Math.floor(state.time * stops() + 1e-6) + 1) / stops());
  };
  const toNoise = () => { figure.run(false); show(0); };
  figure.step = () => {
    const now = performance.now();
    show(still.matches ? 1 : state.time + clamp(now - last, 0, 50) / 3500);
    last = now;
    if (state.time >= 1) figure.run(false);
  };
  const { run } = figure;
  figure.run = (on) => {
    last = performance.now();
    if (on && state.time >= 1) show(0);
    run.call(figure, on && !told);
  };
  figure.runButton("Play");
  figure.button("One step", one);
  figure.button("Back to noise", toNoise);
  const slide = figure.slider("time", { min: 0, max: 1, step: 0.001, value: 1, digits: 2 }, (u) => { figure.run(false); state.time = u; });
  const tool = figure.choice("sampler", SAMPLERS, (k) => {
    if ((k === 2) !== (state.sampler === 2)) state.schedule = k === 2 ? 3 : 1;
    alter({ sampler: k });
    set();
  });
  const plan = figure.choice("schedule", SCHEDULES, (k) => { alter({ schedule: k }); set(); });
  figure.slider("steps", { min: 1, max: MOST, step: 1, value: state.steps, digits: 0 }, (k) => alter({ steps: k }));
  const most = figure.choice("largest σ", HIGHS.map(String), (k) => alter({ high: HIGHS[k] }));
  figure.choice("guide to", ["nothing", ...SHARES.map((_, k) => `label ${k + 1}`)], (k) => { alter({ label: k - 1 }); set(); });
  figure.slider("weight w", { min: 0, max: 8, step: 0.5, value: state.weight }, (w) => alter({ weight: w }));
  const leaning = figure.controls.lastElementChild.querySelector("input");
  const share = figure.slider("share of cluster 1", { min: 0, max: 1, step: 0.01, value: SHARES[0], digits: 2 }, (p) => portion(p));
  const whose = figure.controls.lastElementChild.firstChild;
  figure.button("The chapter's law", () => { alter({ law: chapterLaw() }); set(); });
  figure.slider("seed", { min: 1, max: 20, step: 1, value: 1, digits: 0 }, (k) => alter({ seed: k }));
  const print = ["guesses a sample", "largest error of a share", "distance to the law", "the law to itself"].map((name) => figure.number(name));
  const set = () => {
    tool.value = state.sampler;
    plan.value = state.schedule;
    most.value = HIGHS.indexOf(state.high);
    most.disabled = state.schedule === 3;
    leaning.disabled = state.label < 0;
    whose.data = `share of cluster\u00a0${state.chosen + 1}`;
    share.value = state.law.shares[state.chosen];
  };
  // The chosen cluster's share; the others keep their proportions.
  const portion = (p) => {
    const { shares } = state.law, others = shares.reduce((s, q, k) => s + (k === state.chosen ? 0 : q), 0);
    if (others > 0) state.rest = shares.map((q, k) => (k === state.chosen ? 0 : q / others));
    shares.forEach((_, k) => { shares[k] = k === state.chosen ? p : state.rest ? state.rest[k] * (1 - p) : (1 - p) / (shares.length - 1); });
    alter({});
    set();
  };
  const choose = (k) => { if (k !== state.chosen) state.rest = null; state.chosen = k; set(); };
  const place = (x, y) => {
    state.law.centres[state.chosen] = [clamp(x, -REACH, REACH), clamp(y, -REACH, REACH)];
    alter({});
  };

  // What needs 2,000 points, when the reader rests; in parts, each of a few milliseconds.
  const measure = async () => {
    const mine = ticket, now = order(), rest = () => new Promise((go) => { setTimeout(go); });
    const take = walker(now, state.seed), ends = new Float64Array(2 * MANY);
    for (let n = 0; n < MANY && mine === ticket; n += PART) {
      ends.set(take(PART).ends, 2 * n);
      await rest();
    }
    const key = JSON.stringify([now.law, now.label, now.weight, state.seed]), sets = key === state.key ? state.sets : [];
    while (sets.length < FRESH && mine === ticket) {
      const fresh = points(now.law, MANY, 5000001 + 100 * state.seed + sets.length, now.label, now.weight);
      if (!fresh) break;
      sets.push(shadows(fresh));
      await rest();
    }
    if (mine !== ticket) return;
    Object.assign(state, { sets, key, ends, shares: reached(now.law, ends) });
    const apart = sets.length === FRESH ? sets.slice(1).map((other) => gap(sets[0], other)) : [];
    state.found = apart.length ? { distance: gap(sets[0], shadows(ends)), low: Math.min(...apart), high: Math.max(...apart) } : {};
    let outside = 0;
    for (let n = 0; n < ends.length; n += 2) outside += Math.max(Math.abs(ends[n]), Math.abs(ends[n + 1])) > cloud.x1;
    if (!apart.length) figure.say("The label's cluster lies among others: its sharpened law is too rare to be drawn here, so there is no distance.");
    else if (outside) figure.say(`${outside} of ${shownCount(MANY)} samples end outside their frame.`, true);
    state.measured = true;
    figure.change();
  };
  const refresh = () => {
    const most = Math.max(...state.law.centres.flat().map(Math.abs));
    state.side = Number.isFinite(most) ? Math.ceil(4 * (most + 0.4)) / 4 : SIDE; // half the width of the picture of samples
    state.stale = false;
    state.measured = false;
    clearTimeout(timer);
    ticket += 1;
    told = trouble(state);
    figure.say(told);
    if (told) {
      run.call(figure, false);
      return Object.assign(state, { paths: [], ends: [], shares: null, found: null, lines: [], aim: null });
    }
    const now = order(), quick = clamp(Math.round(8000 / now.sigmas.length), 2 * PATHS, 1000);
    const { ends, paths } = walker(now, state.seed)(quick, PATHS), aim = target(now.law, now.label, now.weight);
    const lines = heights(aim.values).map((height) => contour(aim.values, height));
    Object.assign(state, { ends, paths, aim, lines, shares: reached(now.law, ends), found: null, sigmas: now.sigmas });
    timer = setTimeout(measure, 120);
    return state;
  };

  const hit = (px, py) => {
    if (!plane || !plane.has(px, py)) return -1;
    const [far, k] = state.law.centres.map(([x, y], k) => [Math.hypot(plane.x(x) - px, plane.y(y) - py), k]).sort((a, b) => a[0] - b[0])[0];
    return far <= 28 ? k : -1;
  };
  figure.pointer((px, py) => {
    const k = hit(px, py);
    if (k >= 0) choose(k);
    return k >= 0;
  }, (px, py) => place(...plane.at(px, py)));
  // A finger that takes no cluster scrolls the page.
  figure.canvas.style.touchAction = "auto";
  figure.canvas.addEventListener("touchstart", (event) => {
    const box = figure.canvas.getBoundingClientRect(), [touch] = event.touches;
    if (hit(touch.clientX - box.left, touch.clientY - box.top) >= 0) event.preventDefault();
  }, { passive: false });
  const push = (dx, dy) => { const [x, y] = state.law.centres[state.chosen]; place(x + dx, y + dy); };
  const more = (by) => portion(clamp(Math.round(100 * (state.law.shares[state.chosen] + by)) / 100, 0, 1));
  figure.keys({
    ...Object.fromEntries(SHARES.map((_, k) => [String(k + 1), () => choose(k)])),
    ArrowLeft: () => push(-0.1, 0), ArrowRight: () => push(0.1, 0), ArrowUp: () => push(0, 0.1), ArrowDown: () => push(0, -0.1),
    "+": () => more(0.02), "=": () => more(0.02), "-": () => more(-0.02), p: play, s: one, n: toNoise,
  });

  const inside = (panel, paint) => {
    const { pen } = panel;
    pen.save();
    pen.beginPath();
    pen.rect(panel.left, panel.top, panel.width, panel.height);
    pen.clip();
    paint(pen);
    pen.restore();
  };
  const owners = (set) => {
    const read = reader(state.law);
    return Array.from({ length: set.length / 2 }, (_, n) => { read(set[2 * n], set[2 * n + 1], 1, 0); return read.odds.indexOf(Math.max(...read.odds)); });
  };
  const drawPaths = (colours) => inside(plane, (pen) => {
    const at = state.time * stops(), whole = Math.floor(at), part = at - whole;
    const hues = owners(state.paths.flatMap((path) => path[path.length - 1])).map((k) => colours.hues[k]);
    pen.lineWidth = 1;
    state.paths.forEach((path, n) => {
      const draw = (rows, alpha) => {
        pen.globalAlpha = alpha;
        pen.strokeStyle = hues[n];
        pen.beginPath();
        rows.forEach(([x, y], k) => (k ? pen.lineTo(plane.x(x), plane.y(y)) : pen.moveTo(plane.x(x), plane.y(y))));
        pen.stroke();
      };
      const a = path[Math.min(whole, path.length - 1)], b = path[Math.min(whole + 1, path.length - 1)];
      const head = [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
      draw([head, ...path.slice(whole + 1)], 0.16);
      draw([...path.slice(0, whole + 1), head], 0.6);
      pen.globalAlpha = 1;
      plane.dot(...path[0], colours.soft, 1.5);
      pen.fillStyle = hues[n];
      pen.beginPath();
      pen.arc(plane.x(head[0]), plane.y(head[1]), 3.2, 0, 2 * Math.PI);
      pen.fill();
    });
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    state.law.centres.forEach(([x, y], k) => {
      const [px, py] = [plane.x(x), plane.y(y)], radius = (2.45 * state.law.width * plane.width) / (2 * SIDE), out = Math.hypot(x, y) || 1;
      pen.strokeStyle = k === state.chosen ? colours.ink : colours.soft;
      pen.lineWidth = k === state.chosen ? 2 : 1;
      pen.beginPath();
      pen.arc(px, py, radius, 0, 2 * Math.PI);
      pen.stroke();
      pen.fillStyle = k === state.chosen ? colours.ink : colours.soft;
      pen.fillText(String(k + 1), px + ((radius + 9) * x) / out, py - ((radius + 9) * y) / out + 4);
    });
  });
  const drawCloud = (colours) => inside(cloud, (pen) => {
    const { ends } = state, size = cloud.width > 240 ? 1.6 : 1.3;
    if (!state.owned || state.owned.of !== ends) state.owned = { of: ends, by: owners(ends) };
    const { by } = state.owned;
    pen.globalAlpha = 0.55;
    colours.hues.forEach((hue, k) => {
      pen.fillStyle = hue;
      for (let n = 0; n < by.length; n += 1) {
        if (by[n] === k) pen.fillRect(cloud.x(ends[2 * n]) - size / 2, cloud.y(ends[2 * n + 1]) - size / 2, size, size);
      }
    });
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.ink;
    state.lines.forEach((pieces, k) => {
      pen.lineWidth = k ? 0.7 : 1.2;
      pen.beginPath();
      for (const [x, y, u, v] of pieces) { pen.moveTo(cloud.x(x), cloud.y(y)); pen.lineTo(cloud.x(u), cloud.y(v)); }
      pen.stroke();
    });
  });
  const drawShares = (colours, [left, top, width, height]) => {
    const { pen } = figure, each = width / SHARES.length, peak = Math.max(0.4, ...state.aim.shares, ...state.shares);
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillStyle = colours.soft;
    pen.fillText("shares; line: law", left, top - 6);
    pen.textAlign = "center";
    state.shares.forEach((value, k) => {
      const x = left + (k + 0.5) * each, tall = (v) => (v / peak) * height;
      pen.fillStyle = colours.hues[k];
      pen.globalAlpha = 0.75;
      pen.fillRect(x - each * 0.32, top + height - tall(value), each * 0.64, tall(value));
      pen.globalAlpha = 1;
      pen.fillStyle = colours.ink;
      pen.fillRect(x - each * 0.44, top + height - tall(state.aim.shares[k]) - 1, each * 0.88, 2);
      pen.fillStyle = k === state.chosen ? colours.ink : colours.soft;
      pen.fillText(String(k + 1), x, top + height + 14);
    });
  };

  figure.draw = () => {
    if (state.stale) refresh();
    const wide = figure.room, narrow = wide < 560;
    const big = narrow ? Math.min(wide - 34, 380) : Math.min(0.56 * wide - 34, 396), small = narrow ? Math.min(0.5 * wide, 240) : wide - big - 78;
    const width = figure.size(narrow ? big + small + 102 : Math.max(big + 46, small + 134)), { pen, colours } = figure;
    plane = new Panel(pen, [26, 22, big, big], [-SIDE, SIDE], [-SIDE, SIDE]);
    const side = state.side;
    cloud = new Panel(pen, narrow ? [26, big + 76, small, small] : [big + 70, 22, small, small], [-side, side], [-side, side]);
    const rows = [-2, 0, 2].map((v) => [v, shown(v, 0)]), stop = Math.floor(state.time * stops() + 1e-6);
    const level = told || stop >= stops() ? 0 : state.sigmas[state.sigmas.length - 1 - stop];
    const where = state.sampler === 2 ? `t = ${shown(1 / (1 + level), 2)}` : `σ = ${shown(level, 2)}`;
    plane.frame(colours, { ticks: [-2, 0, 2], rows, y: `${PATHS} paths, after guess ${stop} of ${stops()}: ${where}` });
    const count = shownCount(state.ends.length / 2), aimed = state.label >= 0 && state.weight > 0;
    cloud.frame(colours, { ticks: [-1, 0, 1], rows: [-1, 0, 1].map((v) => [v, shown(v, 0)]), y: `${narrow ? "" : `${count} samples; `}${narrow && aimed ? "" : "lines: "}half, 95 % of ${aimed ? "sharpened " : ""}law` });
    if (told) {
      print.forEach((set) => set("–"));
      return;
    }
    drawPaths(colours);
    drawCloud(colours);
    drawShares(colours, narrow ? [small + 46, big + 76, width - small - 50, small] : [big + 70, small + 66, small, Math.max(40, big - small - 44)]);
    const { found } = state;
    print[0](String(state.sigmas.length));
    print[1](state.measured ? shown(Math.max(...state.shares.map((p, k) => Math.abs(p - state.aim.shares[k])))) : "…");
    print[2](!found ? "…" : found.distance === undefined ? "–" : shown(found.distance));
    print[3](!found ? "…" : found.distance === undefined ? "–" : `${shown(found.low)} to ${shown(found.high)}`);
  };
  set();
  figure.change();
  return Object.assign(state, { play, one, toNoise, show });
}

const shownCount = (n) => n.toLocaleString("en-US");
