// A GAN on a line that trains while one watches: the chapter's increasing generator against its discriminator, with exact laws.
// Gradients are written out by hand (a few hundred weights); a test compares them with autograd.
import { Panel, clamp, dice, normals, shown } from "./live.js";

const MIXTURE = [[0.35, -1.5, 0.5], [0.65, 1.5, 0.8]], LEFT = -4.5, RIGHT = 6.5, BARS = 44;
const BATCH = 128, ROUNDS = 1600, BENDS = 8, WIDTHS = [1, 32, 32, 1], CLIP = 0.3, LARGEST = 1000;
const sigmoid = (s) => 1 / (1 + Math.exp(-s));
const softplus = (s) => (s > 30 ? s : Math.log1p(Math.exp(s)));
const normal = (x, mean, sd) => Math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * Math.sqrt(2 * Math.PI));

// The data: the chapter's mixture, or bars that a reader has drawn.
export class Law {
  constructor() { this.bars = null; }
  density(x) {
    if (!this.bars) return MIXTURE.reduce((sum, [w, m, s]) => sum + w * normal(x, m, s), 0);
    const k = Math.floor(((x - LEFT) / (RIGHT - LEFT)) * BARS), all = this.bars.reduce((a, b) => a + b, 0);
    return k < 0 || k >= BARS ? 0 : (this.bars[k] / all) * (BARS / (RIGHT - LEFT));
  }
  draw() {
    this.bars = Array.from({ length: BARS }, (_, k) => this.density(LEFT + ((k + 0.5) / BARS) * (RIGHT - LEFT)));
  }
  get empty() { return this.bars !== null && !(this.bars.reduce((a, b) => a + b, 0) > 0.01); }
  sample(random, gauss) {
    if (!this.bars) {
      const [, m, s] = MIXTURE[random() < MIXTURE[0][0] ? 0 : 1];
      return m + s * gauss();
    }
    let left = random() * this.bars.reduce((a, b) => a + b, 0), k = 0;
    while (k < BARS - 1 && left > this.bars[k]) { left -= this.bars[k]; k += 1; }
    return LEFT + ((k + random()) / BARS) * (RIGHT - LEFT);
  }
}

// Three products of matrices, stored row by row. Sums run four at a time, in variables: that is several times as fast as one at a
// time in an array, and many rounds have to fit into a frame.

// values (count, a) times weight (a, b), plus bias: (count, b).
function affine(values, weight, bias, a, b) {
  const count = values.length / a, out = new Float64Array(count * b), whole = b - (b % 4);
  for (let n = 0; n < count; n += 1) {
    for (let j = 0; j < whole; j += 4) {
      let s = bias[j], t = bias[j + 1], u = bias[j + 2], v = bias[j + 3];
      for (let i = 0, k = j; i < a; i += 1, k += b) {
        const x = values[n * a + i];
        s += x * weight[k];
        t += x * weight[k + 1];
        u += x * weight[k + 2];
        v += x * weight[k + 3];
      }
      const at = n * b + j;
      out[at] = s;
      out[at + 1] = t;
      out[at + 2] = u;
      out[at + 3] = v;
    }
    for (let j = whole; j < b; j += 1) {
      let s = bias[j];
      for (let i = 0; i < a; i += 1) s += values[n * a + i] * weight[i * b + j];
      out[n * b + j] = s;
    }
  }
  return out;
}

// above (count, b) times the transpose of weight (a, b): (count, a).
function back(above, weight, a, b) {
  const count = above.length / b, out = new Float64Array(count * a), whole = a - (a % 4);
  for (let n = 0; n < count; n += 1) {
    for (let i = 0; i < whole; i += 4) {
      let s = 0, t = 0, u = 0, v = 0;
      for (let j = 0, k = i * b; j < b; j += 1, k += 1) {
        const x = above[n * b + j];
        s += x * weight[k];
        t += x * weight[k + b];
        u += x * weight[k + 2 * b];
        v += x * weight[k + 3 * b];
      }
      const at = n * a + i;
      out[at] = s;
      out[at + 1] = t;
      out[at + 2] = u;
      out[at + 3] = v;
    }
    for (let i = whole; i < a; i += 1) {
      let s = 0;
      for (let j = 0; j < b; j += 1) s += above[n * b + j] * weight[i * b + j];
      out[n * a + i] = s;
    }
  }
  return out;
}

// The transpose of below (count, a) times above (count, b): (a, b).
function outer(below, above, a, b) {
  const count = above.length / b, out = new Float64Array(a * b), whole = b - (b % 4);
  for (let i = 0; i < a; i += 1) {
    for (let j = 0; j < whole; j += 4) {
      let s = 0, t = 0, u = 0, v = 0;
      for (let n = 0, k = j; n < count; n += 1, k += b) {
        const x = below[n * a + i];
        s += x * above[k];
        t += x * above[k + 1];
        u += x * above[k + 2];
        v += x * above[k + 3];
      }
      const at = i * b + j;
      out[at] = s;
      out[at + 1] = t;
      out[at + 2] = u;
      out[at + 3] = v;
    }
    for (let j = whole; j < b; j += 1) {
      let s = 0;
      for (let n = 0; n < count; n += 1) s += below[n * a + i] * above[n * b + j];
      out[i * b + j] = s;
    }
  }
  return out;
}

// A fully connected network of one input and one output, SiLU between layers.
export class Critic {
  constructor(random, widths = WIDTHS) {
    this.widths = widths;
    this.weights = [];
    this.biases = [];
    for (let i = 0; i + 1 < widths.length; i += 1) {
      const bound = 1 / Math.sqrt(widths[i]), uniform = () => (2 * random() - 1) * bound;
      this.weights.push(Float64Array.from({ length: widths[i] * widths[i + 1] }, uniform)); // [input][output]
      this.biases.push(Float64Array.from({ length: widths[i + 1] }, uniform));
    }
  }
  get parameters() { return [...this.weights, ...this.biases]; }
  // Logits of points; keeps what `backward` needs.
  forward(xs) {
    this.seen = [Float64Array.from(xs)];
    this.before = [];
    this.gates = [];
    for (let layer = 0; ; layer += 1) {
      const out = affine(this.seen[layer], this.weights[layer], this.biases[layer], this.widths[layer], this.widths[layer + 1]);
      if (layer + 1 === this.weights.length) return out;
      const gates = new Float64Array(out.length), values = new Float64Array(out.length);
      for (let k = 0; k < out.length; k += 1) {
        gates[k] = 1 / (1 + Math.exp(-out[k]));
        values[k] = out[k] * gates[k];
      }
      this.before.push(out);
      this.gates.push(gates);
      this.seen.push(values);
    }
  }
  // From the slope of a loss in the logits: its slope in the points, and in the parameters (only if wanted).
  backward(slopes, wanted = true) {
    let above = slopes;
    const weights = [], biases = [];
    for (let layer = this.weights.length - 1; layer >= 0; layer -= 1) {
      const [a, b, below] = [this.widths[layer], this.widths[layer + 1], this.seen[layer]];
      const ones = new Float64Array(above.length / b).fill(1);
      weights.unshift(wanted && outer(below, above, a, b));
      biases.unshift(wanted && outer(ones, above, 1, b));
      above = back(above, this.weights[layer], a, b);
      if (layer > 0) {
        const pre = this.before[layer - 1], gates = this.gates[layer - 1];
        for (let k = 0; k < above.length; k += 1) {
          const s = gates[k];
          above[k] *= s * (1 + pre[k] * (1 - s));
        }
      }
    }
    return { points: above, parameters: [...weights, ...biases] };
  }
}

// The chapter's increasing generator: shift + softplus(scale) z + sum of softplus(height) tanh(softplus(steep) z + 1.5 place).
export class Generator {
  constructor(gauss, start = 3) {
    const numbers = (make) => Float64Array.from({ length: BENDS }, make);
    Object.assign(this, {
      steep: numbers(gauss), place: numbers(gauss), height: numbers(() => 0.1 * gauss() - 3),
      shift: Float64Array.of(start), scale: Float64Array.of(0),
    });
  }
  get parameters() { return [this.steep, this.place, this.height, this.shift, this.scale]; }
  // What its numbers stand for: slopes and heights of bends are positive, as is the scale.
  get positive() { return { steep: this.steep.map(softplus), height: this.height.map(softplus), scale: softplus(this.scale[0]) }; }
  // Where a code goes, and the slope there.
  at(z, { steep, height, scale } = this.positive) {
    let x = this.shift[0] + scale * z, slope = scale;
    for (let k = 0; k < BENDS; k += 1) {
      const t = Math.tanh(steep[k] * z + 1.5 * this.place[k]);
      x += height[k] * t;
      slope += height[k] * steep[k] * (1 - t * t);
    }
    return [x, slope];
  }
  forward(codes) {
    const { positive } = this;
    return Float64Array.from(codes, (z) => this.at(z, positive)[0]);
  }
  backward(codes, slopes) {
    const found = this.parameters.map((p) => new Float64Array(p.length)), [steep, place, height, shift, scale] = found, { positive } = this;
    const gates = { steep: this.steep.map(sigmoid), height: this.height.map(sigmoid), scale: sigmoid(this.scale[0]) };
    codes.forEach((z, n) => {
      const g = slopes[n];
      shift[0] += g;
      scale[0] += g * z * gates.scale;
      for (let k = 0; k < BENDS; k += 1) {
        const t = Math.tanh(positive.steep[k] * z + 1.5 * this.place[k]), bend = positive.height[k] * (1 - t * t);
        height[k] += g * t * gates.height[k];
        steep[k] += g * bend * z * gates.steep[k];
        place[k] += g * bend * 1.5;
      }
    });
    return found;
  }
}

export class Adam {
  constructor(parameters) {
    this.parameters = parameters;
    this.first = parameters.map((p) => new Float64Array(p.length));
    this.second = parameters.map((p) => new Float64Array(p.length));
    this.count = 0;
  }
  step(slopes, rate, b1 = 0.5, b2 = 0.9) {
    this.count += 1;
    const one = 1 - b1 ** this.count, two = 1 - b2 ** this.count;
    this.parameters.forEach((p, i) => {
      const m = this.first[i], v = this.second[i], g = slopes[i];
      for (let k = 0; k < p.length; k += 1) {
        m[k] = b1 * m[k] + (1 - b1) * g[k];
        v[k] = b2 * v[k] + (1 - b2) * g[k] * g[k];
        p[k] -= (rate * m[k] / one) / (Math.sqrt(v[k] / two) + 1e-8);
      }
    });
  }
}

// name -> values of the losses at logits, and their slopes there.
export const LOSSES = {
  "non-saturating": {
    critic: (r, f) => [softplus(-r), softplus(f), -sigmoid(-r), sigmoid(f)],
    generator: (f) => [softplus(-f), -sigmoid(-f)],
  },
  saturating: {
    critic: (r, f) => [softplus(-r), softplus(f), -sigmoid(-r), sigmoid(f)],
    generator: (f) => [-softplus(f), -sigmoid(f)],
  },
  "least squares": {
    critic: (r, f) => [(r - 1) ** 2 / 2, (f * f) / 2, r - 1, f],
    generator: (f) => [(f - 1) ** 2 / 2, f - 1],
  },
  Wasserstein: {
    critic: (r, f) => [-r, f, -1, 1],
    generator: (f) => [-f, -1],
    clip: CLIP,
  },
};

// Loss of the critic on real and fake points, and its slopes in the critic's parameters.
export function criticSlopes(D, pair, real, fake) {
  const count = real.length, points = new Float64Array(2 * count), slopes = new Float64Array(2 * count);
  points.set(real);
  points.set(fake, count);
  const logits = D.forward(points);
  let loss = 0;
  for (let n = 0; n < count; n += 1) {
    const [a, b, da, db] = pair.critic(logits[n], logits[count + n]);
    loss += (a + b) / count;
    slopes[n] = da / count;
    slopes[count + n] = db / count;
  }
  return { loss, parameters: D.backward(slopes).parameters };
}

// Loss of the generator on codes, and its slopes in the generator's parameters; the critic gets none.
export function generatorSlopes(G, D, pair, codes) {
  const logits = D.forward(G.forward(codes)), slopes = new Float64Array(codes.length);
  let loss = 0;
  for (let n = 0; n < codes.length; n += 1) {
    const [value, slope] = pair.generator(logits[n]);
    loss += value / codes.length;
    slopes[n] = slope / codes.length;
  }
  return { loss, parameters: G.backward(codes, D.backward(slopes, false).points) };
}

const CODES = Array.from({ length: 1201 }, (_, k) => -6 + k / 100);

// Jensen-Shannon divergence of the generator's law from the data, in nats, by quadrature over codes.
export function divergence(G, law) {
  const { positive } = G;
  let mass = 0, inside = 0;
  CODES.forEach((z, k) => {
    const [x, slope] = G.at(z, positive), p = law.density(x), q = normal(z, 0, 1) / slope, m = (p + q) / 2;
    const share = (k === 0 || k === 1200 ? 0.5 : 1) / 100;
    mass += share * p * slope;
    inside += share * slope * ((p > 0 ? p * Math.log(p / m) : 0) + (q > 0 ? q * Math.log(q / m) : 0));
  });
  return (inside + Math.max(0, 1 - mass) * Math.LN2) / 2;
}

// A game under way.
export class Game {
  constructor(seed, law = new Law()) {
    Object.assign(this, { seed, law, loss: "non-saturating", turns: 1, rateD: 0.01, rateG: 0.01, cools: true });
    this.restart();
  }
  restart() {
    this.random = dice(this.seed);
    this.gauss = normals(this.random);
    this.D = new Critic(this.random);
    this.G = new Generator(this.gauss);
    this.climber = new Adam(this.D.parameters);
    this.mover = new Adam(this.G.parameters);
    Object.assign(this, { rounds: 0, lossD: NaN, lossG: NaN });
  }
  get over() { return this.cools && this.rounds >= ROUNDS; }
  get sound() { return [...this.D.parameters, ...this.G.parameters].every((p) => p.every((w) => Math.abs(w) < LARGEST)); }
  codes() { return Float64Array.from({ length: BATCH }, () => this.gauss()); }
  round() {
    const pair = LOSSES[this.loss], left = this.cools ? Math.max(0, 1 - this.rounds / ROUNDS) : 1;
    for (let k = 0; k < this.turns; k += 1) {
      const real = Float64Array.from({ length: BATCH }, () => this.law.sample(this.random, this.gauss));
      const found = criticSlopes(this.D, pair, real, this.G.forward(this.codes()));
      this.lossD = found.loss;
      this.climber.step(found.parameters, this.rateD * left);
      if (pair.clip) for (const p of this.D.parameters) for (let i = 0; i < p.length; i += 1) p[i] = clamp(p[i], -pair.clip, pair.clip);
    }
    const found = generatorSlopes(this.G, this.D, pair, this.codes());
    this.lossG = found.loss;
    this.mover.step(found.parameters, this.rateG * left);
    this.rounds += 1;
  }
}

export default function game(figure) {
  const state = { game: new Game(1), speed: 5, course: [], drawing: false };
  const names = Object.keys(LOSSES);
  let plane;
  figure.describe("Laws of data and samples on a line, and the discriminator. Keys: t trains or stops, s takes one round, r starts again.");
  const note = () => { state.course.push([state.game.rounds, divergence(state.game.G, state.game.law)]); };
  const restart = () => {
    state.game.restart();
    state.course = [];
    figure.run(false);
    figure.say("");
    note();
  };
  const advance = (count) => {
    const { game } = state;
    if (game.law.empty) {
      figure.run(false);
      return figure.say("There are no data: draw some, or take the chapter's law.");
    }
    for (let k = 0; k < count && !game.over; k += 1) game.round();
    if (!game.sound) {
      figure.run(false);
      figure.say("The game has blown up: a weight has passed 1,000. Lower a step and start again.");
    } else if (game.over) {
      figure.run(false);
      figure.say("Both rates have come down to zero, after 1,600 rounds. Start again, or let the rates stay.", true);
    } else figure.say("");
    note();
    if (state.course.length > 700) state.course = state.course.filter((_, k) => k % 2 === 0);
  };
  figure.runButton("Train");
  figure.button("One round", () => advance(1));
  figure.button("Start again", restart);
  figure.step = () => advance(state.speed);
  figure.choice("loss of G", names, (k) => { state.game.loss = names[k]; });
  figure.slider("turns of D (K)", { min: 1, max: 8, step: 1, value: 1, digits: 0 }, (k) => { state.game.turns = k; });
  figure.slider("step of D, 10^", { min: -4, max: 2, step: 0.5, value: -2 }, (x) => { state.game.rateD = 10 ** x; });
  figure.slider("step of G, 10^", { min: -4, max: 2, step: 0.5, value: -2 }, (x) => { state.game.rateG = 10 ** x; });
  figure.slider("rounds a frame", { min: 1, max: 40, step: 1, value: 5, digits: 0 }, (k) => { state.speed = k; });
  figure.slider("seed", { min: 1, max: 20, step: 1, value: 1, digits: 0 }, (k) => { state.game.seed = k; restart(); });
  figure.toggle("steps shrink to zero", true, (on) => { state.game.cools = on; });
  figure.toggle("draw the data", false, (on) => { state.drawing = on; });
  figure.button("The chapter's data", () => { state.game.law.bars = null; note(); figure.say(""); });
  const print = ["rounds", "JS, nats", "loss of D", "loss of G", "mean |D − D*|"].map((name) => figure.number(name));
  note();

  let brush = null;
  const paint = (px, py) => {
    const [x, y] = plane.at(px, py), { law } = state.game;
    if (!law.bars) law.draw();
    const k = clamp(Math.floor(((x - LEFT) / (RIGHT - LEFT)) * BARS), 0, BARS - 1), from = brush ?? k;
    for (let j = Math.min(k, from); j <= Math.max(k, from); j += 1) law.bars[j] = clamp(y, 0, 1);
    brush = k;
  };
  const painted = () => { brush = null; if (!state.game.law.empty) { note(); figure.say(""); } };
  figure.pointer((px, py) => {
    if (!state.drawing || !plane.has(px, py)) return false;
    paint(px, py);
    return true;
  }, paint, painted);
  figure.keys({ t: () => figure.run(!figure.running), s: () => advance(1), r: restart });

  figure.draw = () => {
    const { game } = state, width = figure.size(420), { pen, colours } = figure, [blue, orange, , , red] = colours.hues;
    plane = new Panel(pen, [44, 20, width - 54, 220], [LEFT, RIGHT], [0, 1.05]);
    plane.frame(colours, { ticks: [-4, -2, 0, 2, 4, 6], x: "x", rows: [[0, "0"], [0.5, "½"], [1, "1"]], y: "grey: data; orange: samples; blue: D; dashed: D*" });
    const xs = Array.from({ length: 221 }, (_, k) => LEFT + (k * (RIGHT - LEFT)) / 220);
    const p = xs.map((x) => game.law.density(x));
    pen.fillStyle = colours.line;
    pen.beginPath();
    pen.moveTo(plane.x(LEFT), plane.y(0));
    xs.forEach((x, k) => pen.lineTo(plane.x(x), plane.y(Math.min(1.05, p[k] || 0))));
    pen.lineTo(plane.x(RIGHT), plane.y(0));
    pen.fill();
    const { positive } = game.G;
    const curve = CODES.filter((_, k) => k % 3 === 0).map((z) => {
      const [x, slope] = game.G.at(z, positive);
      return [x, normal(z, 0, 1) / slope];
    });
    plane.line(curve, orange, 2);
    const probability = game.loss === "non-saturating" || game.loss === "saturating";
    const logits = game.D.forward(xs);
    const answers = probability ? Array.from(logits, sigmoid) : squeezed(logits, game.loss);
    plane.line(xs.map((x, k) => [x, answers[k]]), blue, 2);
    const q = interpolated(curve, xs), best = xs.map((_, k) => (p[k] + q[k] > 1e-4 ? p[k] / (p[k] + q[k]) : NaN));
    plane.line(xs.map((x, k) => [x, best[k]]), blue, 1, [4, 4]);
    const chart = new Panel(pen, [44, 290, width - 54, 92], [0, Math.max(200, game.rounds)], [-3, 0]);
    chart.frame(colours, { ticks: [0, Math.max(200, game.rounds)], x: "rounds", y: "JS of samples and data, nats", rows: [[-3, "0.001"], [-2, "0.01"], [-1, "0.1"], [0, "1"]] });
    chart.line(state.course.map(([round, js]) => [round, Math.log10(Math.max(js, 1e-3))]), red, 2);
    const off = xs.reduce((s, _, k) => s + ((p[k] + q[k]) / 2) * Math.abs((answers[k] - best[k]) || 0), 0) * (xs[1] - xs[0]);
    const js = state.course.length ? state.course[state.course.length - 1][1] : NaN;
    print[0](String(game.rounds));
    const known = (value) => (Number.isNaN(value) ? "–" : shown(value));
    print[1](game.law.empty ? "–" : shown(js));
    print[2](known(game.lossD));
    print[3](known(game.lossG));
    print[4](probability ? known(off) : "–");
  };
  figure.change();
  return state;
}

// A critic that is no probability: least squares as it is (1 real, 0 fake), Wasserstein between its least and largest value.
function squeezed(logits, loss) {
  if (loss === "least squares") return Array.from(logits);
  const low = Math.min(...logits), high = Math.max(...logits);
  return Array.from(logits, (s) => (s - low) / (high - low || 1));
}

// An increasing curve [[x, y], ...] at the places xs, 0 beyond its ends.
function interpolated(curve, xs) {
  let k = 0;
  return xs.map((x) => {
    while (k < curve.length - 2 && curve[k + 1][0] < x) k += 1;
    const [a, b] = [curve[k], curve[k + 1]];
    if (x < a[0] || x > b[0] || !Number.isFinite(b[0])) return 0;
    return a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0] || 1);
  });
}
