// The code plane: the variational auto-encoder of the chapter's Figures 1 and 2, whose codes are two numbers. Its decoder draws what
// a point of the plane stands for; its encoder reads a test digit or a drawing. The weights are those of the chapter's run, rounded
// to eight bits (tools/live_weights.py, which also says what the file holds).
import { Panel, clamp, dice, normals, shown } from "./live.js";

const SIDE = 28, PIXELS = SIDE * SIDE, FLOOR = 1e-4, FAR = 4, TOP = 400;
const PEN = 1.1, BOX = 20, MIDDLE = 14; // MNIST: ink in a box of 20 pixels, its centre of mass at pixel 14 both ways
// Gauss-Hermite rule of five nodes for a standard normal law
const NODES = [[0, 8 / 15], ...[[1.355626179974266, 0.2220759220056126], [2.856970013872806, 0.011257411327720691]].flatMap(([x, w]) => [[x, w], [-x, w]])];

// The model of a file's bytes.
export function read(buffer) {
  const bytes = new Uint8Array(buffer), end = bytes.indexOf(10);
  if (end < 0) throw new Error("the file is no file of weights");
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  let at = end + 1;
  const take = (Kind, count) => {
    const found = new Kind(buffer.slice(at, at + count * Kind.BYTES_PER_ELEMENT));
    if (found.length !== count) throw new Error("the file is cut off");
    at += count * Kind.BYTES_PER_ELEMENT;
    return found;
  };
  const [encoder, decoder] = [head.encoder, head.decoder].map((sizes) => sizes.slice(1).map((outputs, k) => (
    { weights: Float64Array.from(take(Int8Array, sizes[k] * outputs)), scales: take(Float32Array, outputs), biases: take(Float32Array, outputs) }
  )));
  const pixels = take(Uint16Array, head.encoder[0]);
  const pictures = head.classes.map(() => {
    const packed = take(Uint8Array, PIXELS / 8);
    return Float64Array.from({ length: PIXELS }, (_, i) => (packed[i >> 3] >> (7 - (i & 7))) & 1);
  });
  return { encoder, decoder, pixels, pictures, dark: head.dark, hash: head.hash };
}

const softplus = (t) => Math.max(t, 0) + Math.log1p(Math.exp(-Math.abs(t)));

// A network with SiLU between its layers.
function through(layers, input) {
  let x = input;
  layers.forEach(({ weights, scales, biases }, index) => {
    if (index) for (let i = 0; i < x.length; i += 1) x[i] /= 1 + Math.exp(-x[i]);
    const inputs = x.length, outputs = biases.length, out = new Float64Array(outputs), whole = outputs - (outputs % 4);
    const done = (o, sum) => { out[o] = scales[o] * sum + biases[o]; };
    for (let o = 0; o < whole; o += 4) { // four outputs at once: no sum waits for another
      let a = 0, b = 0, c = 0, d = 0;
      for (let i = 0, w = o * inputs; i < inputs; i += 1, w += 1) {
        const value = x[i];
        a += weights[w] * value;
        b += weights[w + inputs] * value;
        c += weights[w + 2 * inputs] * value;
        d += weights[w + 3 * inputs] * value;
      }
      done(o, a);
      done(o + 1, b);
      done(o + 2, c);
      done(o + 3, d);
    }
    for (let o = whole; o < outputs; o += 1) {
      let sum = 0;
      for (let i = 0; i < inputs; i += 1) sum += weights[o * inputs + i] * x[i];
      done(o, sum);
    }
    x = out;
  });
  return x;
}

// Mean and deviation of q(z|x) for a picture of 784 pixels.
export function encode(model, picture) {
  const [a, b, c, d] = through(model.encoder, Float64Array.from(model.pixels, (i) => picture[i]));
  return { mean: [a, b], std: [softplus(c) + FLOOR, softplus(d) + FLOOR] };
}

// The log-odds of 784 pixels for a code.
export function decode(model, code) {
  const odds = new Float64Array(PIXELS).fill(model.dark), lit = through(model.decoder, Float64Array.from(code));
  model.pixels.forEach((i, k) => { odds[i] = lit[k]; });
  return odds;
}

// -log p(x|z) in nats, from log-odds.
export function reconstruction(odds, picture) {
  let sum = 0;
  for (let i = 0; i < PIXELS; i += 1) sum += softplus(odds[i]) - picture[i] * odds[i];
  return sum;
}

// The divergence of a normal law from the prior, in nats.
export function price(mean, std) {
  return mean.reduce((sum, m, j) => sum + (std[j] ** 2 + m ** 2 - 1) / 2 - Math.log(std[j]), 0);
}

// The mean of -log p(x|z) over codes with this mean and these deviations, by quadrature.
export function expected(model, picture, mean, std) {
  let sum = 0;
  for (const [a, v] of NODES) {
    for (const [b, w] of NODES) sum += v * w * reconstruction(decode(model, [mean[0] + std[0] * a, mean[1] + std[1] * b]), picture);
  }
  return sum;
}

// Grey values of strokes, paths of points in the unit square: scaled into MNIST's box, then moved so that the ink's centre of mass
// is in the middle.
export function centred(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const [[left, right], [top, bottom]] = [0, 1].map((d) => [Math.min(...points.map((p) => p[d])), Math.max(...points.map((p) => p[d]))]);
  const scale = (BOX - 2 * PEN) / Math.max(right - left, bottom - top, 0.05);
  let shift = [MIDDLE, MIDDLE];
  for (let pass = 0; ; pass += 1) {
    const grey = new Float64Array(PIXELS);
    const to = (p) => [shift[0] + scale * (p[0] - (left + right) / 2), shift[1] + scale * (p[1] - (top + bottom) / 2)];
    for (const stroke of strokes) stroke.forEach((p, k) => ink(grey, to(stroke[Math.max(0, k - 1)]), to(p)));
    if (pass === 2) return grey;
    let mass = 0, x = 0, y = 0;
    grey.forEach((g, i) => { mass += g; x += g * (i % SIDE); y += g * Math.floor(i / SIDE); });
    shift = [shift[0] + MIDDLE - x / mass, shift[1] + MIDDLE - y / mass];
  }
}

// A straight line of the pen.
function ink(grey, [ax, ay], [bx, by]) {
  const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy, room = PEN + 1;
  const low = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - room)), high = (a, b) => Math.min(SIDE - 1, Math.ceil(Math.max(a, b) + room));
  for (let y = low(ay, by); y <= high(ay, by); y += 1) {
    for (let x = low(ax, bx); x <= high(ax, bx); x += 1) {
      const t = length ? clamp(((x - ax) * dx + (y - ay) * dy) / length, 0, 1) : 0;
      const far = Math.hypot(x - ax - t * dx, y - ay - t * dy);
      grey[y * SIDE + x] = Math.max(grey[y * SIDE + x], clamp(PEN + 0.5 - far, 0, 1));
    }
  }
}

const COINS = Float64Array.from({ length: PIXELS }, dice(1));

// A binary picture from grey values, as the chapter has it: a coin for each pixel; always the same coins, so that it does not flicker.
export const toss = (grey) => grey.map((g, i) => (COINS[i] < g ? 1 : 0));

// Places of labels, moved off one another until any two are 0.4 apart.
function apart(places) {
  const found = places.map((p) => [...p]);
  for (let pass = 0; pass < 50; pass += 1) {
    found.forEach((a, i) => found.slice(0, i).forEach((b) => {
      const [u, v] = [a[0] - b[0], a[1] - b[1]], far = Math.hypot(u, v), by = (0.4 - far) / 2;
      if (by <= 0) return;
      const [c, s] = far > 0 ? [u / far, v / far] : [1, 0];
      a[0] += by * c; a[1] += by * s; b[0] -= by * c; b[1] -= by * s;
    }));
  }
  return found;
}

export default async function codes(figure) {
  const gauss = normals(dice(5));
  const state = { model: null, picture: null, strokes: [], unread: false, taken: 7, law: null, encoder: null, terms: null, noise: 1, point: [0, 0], odds: null, draws: [], marks: [], file: "codes.bin" };
  let plane, paper, sheet, wait = 0;
  figure.describe(
    "A plane of codes, a sheet to draw a digit on, and what the decoder makes of the chosen code. Drag the point, or draw. Keys: arrows move the point, 0 to 9 take a test digit, space draws a code, m goes to the mean, l moves the law to the point, e brings it back to the encoder's, c clears the sheet.",
  );

  // Both terms of the bound for the law that codes are drawn from; once a frame at most, as is the reading of a drawing.
  const unweighed = () => Object.assign(state, { draws: [], terms: null });
  const weigh = () => {
    if (!state.law || state.terms) return;
    const terms = ({ mean, std }) => {
      const wide = std.map((s) => s * state.noise);
      return { reconstruction: expected(state.model, state.picture, mean, wide), price: price(mean, wide) };
    };
    state.terms = terms(state.law);
    if (state.law === state.encoder) return;
    const first = terms(state.encoder);
    state.terms.encoder = first.reconstruction + first.price;
  };
  const look = (picture) => {
    if (!state.model) return;
    state.picture = picture;
    state.law = state.encoder = picture && encode(state.model, picture);
    if (picture) state.point = [...state.law.mean];
    unweighed();
    figure.say(picture ? "" : "The sheet is empty: draw a digit on it, or take one of the ten.");
  };
  const take = (digit) => {
    if (!state.model) return;
    Object.assign(state, { strokes: [], taken: digit, unread: false });
    chooser.value = digit + 1;
    look(state.model.pictures[digit]);
  };
  const drawn = () => {
    Object.assign(state, { taken: -1, unread: true });
    chooser.value = 0;
  };
  const readDrawing = () => {
    if (!state.unread) return;
    const grey = centred(state.strokes);
    state.unread = false;
    look(grey && toss(grey));
  };
  const clear = () => { state.strokes = []; drawn(); };
  const draw = () => {
    readDrawing();
    if (!state.law) return;
    state.point = state.law.mean.map((m, j) => m + state.noise * state.law.std[j] * gauss());
    state.draws.push(state.point);
    if (state.draws.length > 200) state.draws.shift();
  };
  const back = () => { readDrawing(); if (state.law) state.point = [...state.law.mean]; };
  // The law with its mean at the point, or as the encoder has it.
  const settle = (law) => {
    readDrawing();
    if (!state.law) return;
    state.law = law();
    state.point = [...state.law.mean];
    unweighed();
  };
  const here = () => settle(() => ({ ...state.encoder, mean: [...state.point] }));
  const home = () => settle(() => state.encoder);
  const chooser = figure.choice("digit", ["drawn", ..."0123456789"], (k) => (k ? take(k - 1) : drawn()));
  figure.button("Clear the sheet", clear);
  figure.runButton("Draw codes");
  figure.button("One draw", draw);
  figure.button("To the mean", back);
  figure.button("Move the law here", here);
  figure.button("The encoder's law", home);
  figure.slider("noise, times σ", { min: 0, max: 3, step: 0.1, value: 1 }, (value) => { state.noise = value; unweighed(); });
  const names = ["reconstruction at the point, nats", "price of the law, nats", "sum", "minus the bound, by all draws", "by the encoder's law", "point", "mean μ", "deviation σ"].map((name) => figure.number(name));
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  figure.step = () => { if (wait % (calm.matches ? 60 : 6) === 0) draw(); wait += 1; };

  const load = async () => {
    again.hidden = true;
    try {
      const answer = await fetch(new URL(`data/${state.file}`, import.meta.url), { cache: "no-cache" });
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
      state.model = read(await answer.arrayBuffer());
    } catch (error) {
      again.hidden = false;
      return figure.say(`The weights could not be loaded: ${error.message}.`);
    }
    state.marks = apart(state.model.pictures.map((picture) => encode(state.model, picture).mean));
    sheet = null;
    take(7);
    figure.change();
  };
  const again = figure.button("Load again", load);

  let held = "";
  const move = (px, py) => {
    if (held === "point") state.point = plane.at(px, py).map((v) => clamp(v, -FAR, FAR));
    else {
      const stroke = state.strokes.at(-1), [x, y] = paper.at(px, py), p = [clamp(x, 0, 1), clamp(1 - y, 0, 1)];
      if (stroke.length && Math.hypot(p[0] - stroke.at(-1)[0], p[1] - stroke.at(-1)[1]) < 0.01) return;
      stroke.push(p);
      drawn();
    }
  };
  figure.pointer((px, py) => {
    if (!state.model) return false;
    held = plane.has(px, py) ? "point" : paper.has(px, py) ? "pen" : "";
    if (!held) return false;
    if (held === "pen") state.strokes.push([]);
    move(px, py);
    return true;
  }, move);
  const push = (dx, dy) => { state.point = [clamp(state.point[0] + dx, -FAR, FAR), clamp(state.point[1] + dy, -FAR, FAR)]; };
  figure.keys({
    ArrowLeft: () => push(-0.1, 0), ArrowRight: () => push(0.1, 0), ArrowUp: () => push(0, 0.1), ArrowDown: () => push(0, -0.1),
    " ": draw, m: back, l: here, e: home, c: clear,
    ...Object.fromEntries([..."0123456789"].map((digit) => [digit, () => take(Number(digit))])),
  });

  // A picture of `side` pixels, from a function of the pixel: red, green, blue, alpha.
  const bitmap = (side, colour) => {
    const made = Object.assign(document.createElement("canvas"), { width: side, height: side }), pen = made.getContext("2d");
    const image = pen.createImageData(side, side);
    for (let i = 0; i < side * side; i += 1) image.data.set(colour(i), 4 * i);
    pen.putImageData(image, 0, 0);
    return made;
  };
  const grey = (value) => { const v = 255 * value; return [v, v, v, 255]; };
  const show = (label, values, [left, top, side], colours) => {
    const { pen } = figure;
    pen.imageSmoothingEnabled = false;
    if (values) pen.drawImage(bitmap(SIDE, (i) => grey(values[i])), left, top, side, side);
    else {
      pen.fillStyle = "#000";
      pen.fillRect(left, top, side, side);
    }
    pen.strokeStyle = colours.soft;
    pen.lineWidth = 1;
    pen.strokeRect(left, top, side, side);
    pen.fillStyle = colours.soft;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillText(label, left, top - 6, Math.max(side, 96));
  };
  // What the decoder makes of a grid of codes, faintly, behind the plane.
  const GRID = 9;
  const background = () => {
    const wide = GRID * SIDE, seen = new Float64Array(wide * wide);
    for (let row = 0; row < GRID; row += 1) {
      for (let column = 0; column < GRID; column += 1) {
        const at = [column, GRID - 1 - row].map((k) => -FAR + ((k + 0.5) * 2 * FAR) / GRID);
        decode(state.model, at).forEach((f, i) => {
          seen[(row * SIDE + Math.floor(i / SIDE)) * wide + column * SIDE + (i % SIDE)] = 1 / (1 + Math.exp(-f));
        });
      }
    }
    return bitmap(wide, (i) => [128, 128, 128, 130 * seen[i]]);
  };
  const bar = (label, parts, [left, top, width], colours) => {
    const { pen } = figure;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillStyle = colours.soft;
    pen.fillText(label, left, top - 4);
    let from = 0;
    parts.forEach((part, k) => {
      const to = Math.min(TOP, from + Math.max(0, part));
      pen.fillStyle = colours.hues[k];
      pen.fillRect(left + (from / TOP) * width, top, ((to - from) / TOP) * width, 14);
      from = to;
    });
    pen.strokeStyle = colours.line;
    pen.strokeRect(left, top, width, 14);
    if (parts.reduce((a, b) => a + b, 0) > TOP) {
      pen.fillStyle = colours.ink;
      pen.fillText("»", left + width - 12, top + 11);
    }
  };

  figure.draw = () => {
    if (!state.model) return figure.size(60);
    readDrawing();
    weigh();
    const narrow = figure.room < 620;
    const width = figure.size(narrow ? Math.min(figure.room, 400) + 346 : 356), { pen, colours } = figure, [blue, orange] = colours.hues;
    const side = narrow ? Math.min(width, 400) - 34 : 300, left = narrow ? 0 : 356, top = narrow ? side + 74 : 22;
    const room = width - left - 2, big = Math.min(180, (room - 14) / 2), low = top + big + 26;
    plane = new Panel(pen, [26, 20, side, side], [-FAR, FAR], [-FAR, FAR]);
    paper = new Panel(pen, [left + 1, top, big, big], [0, 1], [0, 1]);
    sheet = sheet || background();
    pen.imageSmoothingEnabled = true;
    pen.drawImage(sheet, plane.left, plane.top, side, side);
    plane.frame(colours, { x: "z₁", y: `z₂  (blue: point; orange: ${state.law === state.encoder ? "encoder" : "moved law"}; dashed: prior)`, ticks: [-4, -2, 0, 2, 4], rows: [-4, -2, 0, 2, 4].map((v) => [v, shown(v, 0)]) });
    const ring = (centre, radii) => Array.from({ length: 73 }, (_, k) => (
      [centre[0] + radii[0] * Math.cos((k * Math.PI) / 36), centre[1] + radii[1] * Math.sin((k * Math.PI) / 36)]
    ));
    for (const radius of [1, 2]) plane.line(ring([0, 0], [radius, radius]), colours.soft, 1, [3, 3]);
    pen.font = "bold 13px system-ui, sans-serif";
    pen.textAlign = "center";
    state.marks.forEach(([x, y], digit) => {
      const [px, py] = [plane.x(clamp(x, -FAR, FAR)), plane.y(clamp(y, -FAR, FAR)) + 5];
      pen.strokeStyle = colours.card;
      pen.lineWidth = 3;
      pen.strokeText(digit, px, py);
      pen.fillStyle = colours.ink;
      pen.fillText(digit, px, py);
    });
    if (state.law) {
      const { mean, std } = state.law;
      pen.globalAlpha = 0.5;
      for (const place of state.draws) plane.dot(...place, orange, 1.5);
      pen.globalAlpha = 1;
      for (const radius of [1, 2]) plane.line(ring(mean, std.map((s) => radius * state.noise * s)), orange, 2);
      plane.dot(...mean, orange, 3);
      if (state.law !== state.encoder) for (const radius of [1, 2]) plane.line(ring(state.encoder.mean, state.encoder.std.map((s) => radius * state.noise * s)), orange, 1, [2, 3]);
    }
    const [px, py] = [plane.x(clamp(state.point[0], -FAR, FAR)), plane.y(clamp(state.point[1], -FAR, FAR))];
    pen.beginPath();
    pen.arc(px, py, 11, 0, 2 * Math.PI);
    pen.strokeStyle = blue;
    pen.lineWidth = 3;
    pen.stroke();
    plane.dot(...state.point, blue, 2);

    state.odds = decode(state.model, state.point);
    const near = state.picture && reconstruction(state.odds, state.picture);
    show(state.taken < 0 ? "draw a digit here" : "or draw your own here", state.strokes.length ? null : state.picture, [paper.left, top, big], colours);
    pen.save();
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: big / 14, lineCap: "round", lineJoin: "round" });
    for (const stroke of state.strokes) {
      pen.beginPath();
      stroke.forEach(([x, y], k) => (k ? pen.lineTo : pen.moveTo).call(pen, paper.x(x), paper.y(1 - y)));
      if (stroke.length === 1) pen.lineTo(paper.x(stroke[0][0]) + 0.1, paper.y(1 - stroke[0][1]));
      pen.stroke();
    }
    pen.restore();
    show("the decoder, at the point", state.odds.map((f) => 1 / (1 + Math.exp(-f))), [paper.left + big + 14, top, big], colours);
    show("the encoder sees", state.picture, [paper.left, low, 84], colours);
    pen.fillText("as the data: centred, a coin tossed for each pixel", paper.left, low + 98);
    const across = [paper.left + 100, 0, room - 104];
    const { terms } = state;
    bar("at the point, 0 to 400 nats:", state.picture ? [near, terms.price] : [], [across[0], low + 10, across[2]], colours);
    bar("mean over all draws:", state.picture ? [terms.reconstruction, terms.price] : [], [across[0], low + 50, across[2]], colours);
    pen.fillStyle = blue;
    pen.fillText("reconstruction", across[0], low + 84);
    pen.fillStyle = orange;
    pen.fillText("price", across[0] + 92, low + 84);
    const pair = (v, digits) => `(${shown(v[0], digits)}, ${shown(v[1], digits)})`;
    const blank = "–";
    names[0](state.picture ? shown(near, 2) : blank);
    names[1](state.picture ? shown(terms.price, 2) : blank);
    names[2](state.picture ? shown(near + terms.price, 2) : blank);
    names[3](state.picture ? shown(terms.reconstruction + terms.price, 2) : blank);
    names[4](terms && terms.encoder !== undefined ? shown(terms.encoder, 2) : blank);
    names[5](pair(state.point, 2));
    names[6](state.law ? pair(state.law.mean, 2) : blank);
    names[7](state.law ? pair(state.law.std, 3) : blank);
  };
  await load();
  return Object.assign(state, { load, take, clear });
}
