// EM by hand: a mixture of normal laws in the plane, fitted by E steps and M steps that the reader takes, from centres that the
// reader places. The arithmetic is the chapter's: full covariances, responsibilities by log-sum-exp, evidence in nats a point.
import { Panel, dice, normals, shown } from "./live.js";

const LAWS = [[0.5, [-2, 0], [[1.2, 0], [0.5, 0.5]]], [0.3, [2, 1], [[0.5, 0], [-0.4, 0.9]]], [0.2, [1, -2.5], [[0.6, 0], [0, 0.4]]]];
const LIMIT = 1e-9; // a covariance with a smaller variance in some direction has collapsed

// n points of the chapter's three machines.
export function parts(n, seed) {
  const random = dice(seed), normal = normals(random);
  return Array.from({ length: n }, () => {
    const u = random(), law = u < 0.5 ? 0 : u < 0.8 ? 1 : 2;
    const [, mean, root] = LAWS[law], a = normal(), b = normal();
    return [mean[0] + root[0][0] * a, mean[1] + root[1][0] * a + root[1][1] * b];
  });
}

export const component = (weight, mean, covariance) => ({ weight, mean: [...mean], covariance: covariance.map((row) => [...row]) });

// The smaller eigenvalue of a symmetric matrix.
export function least([[a, b], [, c]]) {
  return (a + c) / 2 - Math.hypot((a - c) / 2, b);
}

// log p(x, z) of every point for every component.
export function logJoint(points, model) {
  return points.map(([x, y]) => model.map(({ weight, mean, covariance: [[a, b], [, c]] }) => {
    const det = a * c - b * b, u = x - mean[0], v = y - mean[1];
    const square = (c * u * u - 2 * b * u * v + a * v * v) / det;
    return Math.log(weight) - Math.log(2 * Math.PI) - Math.log(det) / 2 - square / 2;
  }));
}

export function logSumExp(row) {
  const top = Math.max(...row);
  return top === -Infinity ? top : top + Math.log(row.reduce((s, v) => s + Math.exp(v - top), 0));
}

// The E step: responsibilities, each row sums to 1.
export function respond(points, model) {
  return logJoint(points, model).map((row) => {
    const all = logSumExp(row);
    return row.map((v) => Math.exp(v - all));
  });
}

// Mean of log p(x), in nats a point.
export function evidence(points, model) {
  return logJoint(points, model).reduce((s, row) => s + logSumExp(row), 0) / points.length;
}

// The bound for these responsibilities, in nats a point.
export function bound(points, model, q) {
  return logJoint(points, model).reduce(
    (s, row, n) => s + row.reduce((t, v, k) => t + (q[n][k] > 0 ? q[n][k] * (v - Math.log(q[n][k])) : 0), 0), 0,
  ) / points.length;
}

// The M step; `floor` is added to both variances.
export function maximise(points, q, floor = 0) {
  return q[0].map((_, k) => {
    const mass = q.reduce((s, row) => s + row[k], 0) + 1e-15;
    const mean = [0, 1].map((d) => points.reduce((s, x, n) => s + q[n][k] * x[d], 0) / mass);
    const covariance = [0, 1].map((d) => [0, 1].map((e) => (
      points.reduce((s, x, n) => s + q[n][k] * (x[d] - mean[d]) * (x[e] - mean[e]), 0) / mass + (d === e ? floor : 0)
    )));
    return { weight: mass / points.length, mean, covariance };
  });
}

export default function em(figure) {
  const state = { points: parts(150, 1), model: [], q: null, k: 3, seed: 1, floor: 0, next: "E", steps: [], count: -1, at: 0, adding: false };
  const spread = () => [[1.5, 0], [0, 1.5]];
  let plane, stairs;
  const record = () => {
    const value = state.q ? bound(state.points, state.model, state.q) : NaN;
    state.steps.push([evidence(state.points, state.model), value]);
    state.count += 1;
    if (state.steps.length > 400) state.steps.shift();
  };
  const forget = () => {
    Object.assign(state, { q: null, next: "E", steps: [], count: -1 });
    figure.run(false);
    record();
  };
  const place = () => {
    const random = dice(state.seed + 100 * state.k);
    state.model = Array.from({ length: state.k }, () => component(1 / state.k, [6 * random() - 3, 5 * random() - 3.5], spread()));
    state.at = 0;
    forget();
  };
  const whole = ({ weight, covariance }) => weight > 0 && least(covariance) > LIMIT;
  const sound = () => state.model.every(whole);
  const collapsed = () => {
    figure.run(false);
    figure.say(
      "A component has collapsed: its ellipse has no area, and the evidence has no upper end. Drag its centre away (it gets a new ellipse), or add a floor.",
    );
  };
  const step = () => {
    if (!state.points.length) {
      figure.run(false);
      return figure.say("There is no point: choose “add points” and tap.");
    }
    if (!sound()) return collapsed();
    if (state.next === "E") {
      state.q = respond(state.points, state.model);
      state.next = "M";
    } else {
      state.model = maximise(state.points, state.q, state.floor);
      state.next = "E";
    }
    if (!sound()) return collapsed();
    figure.say("");
    record();
    const [before, after] = state.steps.slice(-2).map(([value]) => value);
    if (figure.running && state.next === "E" && Math.abs(after - before) < 1e-9) {
      figure.run(false);
      figure.say("The evidence rises no more: a summit, or a place where EM cannot choose.", true);
    }
  };
  figure.describe("Points in the plane and ellipses of a mixture. Drag a centre. Keys: arrows move the chosen centre, space chooses the next, e and m take a step.");
  const stepper = figure.button("E step", step);
  let wait = 0;
  figure.runButton("Run");
  figure.step = () => { wait += 1; if (wait % 6 === 0) step(); };
  figure.button("Other centres", () => { state.seed += 1; place(); figure.say(""); });
  figure.slider("components", { min: 1, max: 5, step: 1, value: 3, digits: 0 }, (k) => { state.k = k; place(); });
  figure.toggle("floor under variances", false, (on) => {
    state.floor = on ? 0.05 : 0;
    if (!on || sound()) return;
    for (const { covariance } of state.model.filter((c) => !whole(c))) [0, 1].forEach((d) => { covariance[d][d] += state.floor; });
    forget();
    figure.say("");
  });
  figure.toggle("add points", false, (on) => { state.adding = on; });
  figure.button("No points", () => { state.points = []; if (!sound()) place(); Object.assign(state, { q: null, next: "E", steps: [], count: 0 }); figure.run(false); figure.say(""); });
  figure.button("150 new points", () => { state.seed += 1; state.points = parts(150, state.seed); if (sound()) forget(); else place(); figure.say(""); });
  const names = ["evidence, nats a point", "bound", "gap", "steps"].map((name) => figure.number(name));
  place();

  let held = -1;
  const drag = (px, py) => {
    if (held < 0) return;
    const centre = state.model[held];
    centre.mean = plane.at(px, py);
    if (!whole(centre)) {
      Object.assign(centre, { covariance: spread(), weight: Math.max(centre.weight, 0.1) });
      const all = state.model.reduce((s, c) => s + c.weight, 0);
      for (const c of state.model) c.weight /= all;
    }
    forget();
    figure.say("");
  };
  figure.pointer((px, py) => {
    if (!plane.has(px, py)) return false;
    if (state.adding) {
      if (state.points.length >= 400) figure.say("400 points are enough.");
      else { state.points.push(plane.at(px, py)); forget(); }
      return false;
    }
    const far = (c) => Math.hypot(plane.x(c.mean[0]) - px, plane.y(c.mean[1]) - py);
    const near = state.model.map((c, k) => [far(c), k]).sort((a, b) => a[0] - b[0])[0];
    if (near[0] > 28) return false;
    held = near[1];
    state.at = held;
    return true;
  }, drag, () => { held = -1; });
  const push = (dx, dy) => {
    const { mean } = state.model[state.at];
    mean[0] += dx;
    mean[1] += dy;
    forget();
  };
  figure.keys({
    ArrowLeft: () => push(-0.2, 0), ArrowRight: () => push(0.2, 0), ArrowUp: () => push(0, 0.2), ArrowDown: () => push(0, -0.2),
    " ": () => { state.at = (state.at + 1) % state.model.length; },
    e: () => state.next === "E" && step(), m: () => state.next === "M" && step(),
  });

  figure.draw = () => {
    const narrow = figure.box.clientWidth < 560;
    const width = figure.size(narrow ? 560 : 340), { pen, colours } = figure, { hues } = colours;
    plane = new Panel(pen, narrow ? [30, 16, width - 40, 300] : [30, 16, width * 0.56 - 40, 290], [-5.2, 4.8], [-4.6, 4.2]);
    stairs = narrow ? [52, 370, width - 64, 150] : [width * 0.56 + 52, 16, width * 0.44 - 64, 290];
    plane.frame(colours, { ticks: [-4, -2, 0, 2, 4] });
    pen.save();
    pen.beginPath();
    pen.rect(plane.left, plane.top, plane.width, plane.height);
    pen.clip();
    state.points.forEach((point, n) => {
      const q = state.q && state.q[n];
      plane.dot(...point, colours.soft, q ? 1 : 2.5);
      if (!q) return;
      q.forEach((share, k) => {
        pen.globalAlpha = Math.min(1, share);
        plane.dot(...point, hues[k], 3);
      });
      pen.globalAlpha = 1;
    });
    state.model.forEach(({ mean, covariance: [[a, b], [, c]] }, k) => {
      const l11 = Math.sqrt(Math.max(a, 0)), l21 = l11 ? b / l11 : 0, l22 = Math.sqrt(Math.max(c - l21 * l21, 0));
      for (const radius of [1, 2]) {
        const ring = Array.from({ length: 61 }, (_, i) => {
          const u = radius * Math.cos((i * Math.PI) / 30), v = radius * Math.sin((i * Math.PI) / 30);
          return [mean[0] + l11 * u, mean[1] + l21 * u + l22 * v];
        });
        plane.line(ring, hues[k], radius === 2 ? 2 : 1);
      }
      plane.dot(...mean, hues[k], 6);
      if (k === state.at && document.activeElement === figure.canvas) {
        pen.beginPath();
        pen.arc(plane.x(mean[0]), plane.y(mean[1]), 10, 0, 2 * Math.PI);
        pen.strokeStyle = colours.ink;
        pen.stroke();
      }
    });
    pen.restore();
    const values = state.steps.flat().filter(Number.isFinite);
    if (values.length) {
      const low = Math.min(...values), high = Math.max(...values), room = Math.max(0.05, (high - low) * 0.1);
      const first = state.count - state.steps.length + 1, last = Math.max(first + 12, state.count);
      const panel = new Panel(pen, stairs, [first, last], [low - room, high + room]);
      panel.frame(colours, { ticks: [first, last], x: "steps", y: "line: evidence; dots: bound", rows: [[low, shown(low, 2)], [high, shown(high, 2)]] });
      panel.line(state.steps.map(([value], i) => [first + i, value]), hues[0], 2);
      state.steps.forEach(([, value], i) => panel.dot(first + i, value, hues[1], 3));
    }
    stepper.textContent = `${state.next} step`;
    const now = state.points.length && sound() ? evidence(state.points, state.model) : NaN;
    const lower = state.q && Number.isFinite(now) ? bound(state.points, state.model, state.q) : NaN;
    names[0](!state.points.length ? "–" : sound() ? shown(now) : "∞");
    names[1](Number.isNaN(lower) ? "–" : shown(lower));
    names[2](Number.isNaN(lower) ? "–" : shown(Math.max(0, now - lower)));
    names[3](String(Math.max(0, state.count)));
  };
  figure.change();
  return Object.assign(state, { take: step });
}
