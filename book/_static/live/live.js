// What the live figures share: a canvas that follows the page's theme and the screen's resolution, controls, numbers, and a loop
// that stops when nobody can see it. A figure is a module whose default export is called with a `Figure`, once, when a reader asks.

const COLOURS = { ink: "--nb-ink", soft: "--nb-soft", line: "--nb-line", card: "--nb-card" };
const HUES = { light: ["#1f6fb4", "#c8570a", "#2a7d2a", "#8a4fb0", "#a8323a"], dark: ["#6db6f2", "#f59a52", "#7fcf7f", "#c79be8", "#f08a90"] };

// Numbers between 0 and 1 that are the same for the same seed (mulberry32).
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Draws of a standard normal law, two at a time (Box and Muller).
export function normals(random) {
  let spare = null;
  return () => {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

export function shown(x, digits = 3) {
  if (Number.isNaN(x)) return "undefined";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  return x.toFixed(digits).replace(/^-(?=.*[1-9])/, "−").replace("-", "");
}

function made(tag, properties = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...inside);
  return node;
}

// A panel of a canvas: from the units of a plot to pixels and back.
export class Panel {
  constructor(pen, [left, top, width, height], [x0, x1], [y0, y1]) {
    Object.assign(this, { pen, left, top, width, height, x0, x1, y0, y1 });
  }
  x(value) { return this.left + ((value - this.x0) / (this.x1 - this.x0)) * this.width; }
  y(value) { return this.top + ((this.y1 - value) / (this.y1 - this.y0)) * this.height; }
  at(px, py) {
    return [this.x0 + ((px - this.left) / this.width) * (this.x1 - this.x0), this.y1 - ((py - this.top) / this.height) * (this.y1 - this.y0)];
  }
  has(px, py) { return px >= this.left && px <= this.left + this.width && py >= this.top && py <= this.top + this.height; }
  frame(colours, { x = "", y = "", ticks = [], rows = [] } = {}) {
    const { pen } = this;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    pen.strokeRect(this.left, this.top, this.width, this.height);
    pen.fillStyle = colours.soft;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    const end = pen.canvas.width / (window.devicePixelRatio || 1);
    for (const value of ticks) {
      const text = shown(value, 0), half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(this.x(value), end - half), this.top + this.height + 14);
    }
    pen.fillText(x, this.left + this.width / 2, this.top + this.height + 28);
    pen.textAlign = "right";
    for (const [value, text] of rows) pen.fillText(text, this.left - 4, this.y(value) + 4);
    pen.textAlign = "left";
    pen.fillText(y, this.left, this.top - 6, end - this.left);
  }
  line(points, colour, width = 1.5, dash = []) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(this.left, this.top, this.width, this.height);
    pen.clip();
    pen.beginPath();
    let begun = false;
    for (const [x, y] of points) {
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        begun = false;
        continue;
      }
      if (begun) pen.lineTo(this.x(x), this.y(y));
      else pen.moveTo(this.x(x), this.y(y));
      begun = true;
    }
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.stroke();
    pen.restore();
  }
  dot(x, y, colour, radius = 4) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    this.pen.beginPath();
    this.pen.arc(this.x(x), this.y(clamp(y, this.y0, this.y1)), radius, 0, 2 * Math.PI);
    this.pen.fillStyle = colour;
    this.pen.fill();
  }
}

export class Figure {
  // box: the element to fill. The figure draws when `draw` is set and something changed, at most once a frame.
  constructor(box) {
    this.box = box;
    this.running = false;
    this.visible = true;
    this.waiting = false;
    this.frames = 0;
    this.canvas = made("canvas", { className: "nb-live-canvas", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.controls = made("div", { className: "nb-live-controls" });
    this.numbers = made("dl", { className: "nb-live-numbers" });
    this.note = made("p", { className: "nb-live-note" });
    this.note.setAttribute("role", "status");
    box.append(this.canvas, this.controls, this.numbers, this.note);
    this.pen = this.canvas.getContext("2d");
    new ResizeObserver(() => this.change()).observe(box);
    new MutationObserver(() => this.change()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    new IntersectionObserver((seen) => {
      this.visible = seen[seen.length - 1].isIntersecting;
      if (this.visible) this.change();
    }).observe(this.canvas);
    document.addEventListener("visibilitychange", () => document.hidden || this.change());
  }

  describe(text) { this.canvas.setAttribute("aria-label", text); }

  get colours() {
    const style = getComputedStyle(document.documentElement);
    const found = Object.fromEntries(Object.entries(COLOURS).map(([name, property]) => [name, style.getPropertyValue(property).trim()]));
    return { ...found, hues: HUES[document.documentElement.dataset.theme === "dark" ? "dark" : "light"] };
  }

  // The width that a canvas may have, in pixels of the page.
  get room() {
    const { paddingLeft, paddingRight } = getComputedStyle(this.box);
    return Math.max(240, Math.min(this.box.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight), 760));
  }

  // The canvas at this height, in pixels of the page; returns its width.
  size(height) {
    const width = this.room, scale = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    this.pen.clearRect(0, 0, width, height);
    return width;
  }

  // Something changed: draw in the next frame. While `running`, every frame steps first.
  change() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (!this.visible || document.hidden) return;
      if (this.running && this.step) this.step();
      this.frames += 1;
      if (this.draw) this.draw();
      if (this.running) this.change();
    });
  }

  run(on) {
    this.running = on;
    if (this.runner) this.runner.textContent = on ? "Stop" : this.runner.dataset.label;
    this.change();
  }

  // A note under the figure: of something wrong, in red, or `calm`.
  say(text, calm = false) {
    this.note.classList.toggle("nb-live-calm", calm);
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  button(label, action) {
    const button = made("button", { type: "button", textContent: label });
    button.addEventListener("click", () => { action(); this.change(); });
    this.controls.append(button);
    return button;
  }

  // A button that starts and stops the loop.
  runButton(label) {
    this.runner = this.button(label, () => this.run(!this.running));
    this.runner.dataset.label = label;
    return this.runner;
  }

  slider(label, { min, max, step, value, digits = 1 }, action) {
    const input = made("input", { type: "range", min, max, step, value });
    const said = made("output", { textContent: shown(Number(value), digits) });
    input.addEventListener("input", () => {
      said.textContent = shown(Number(input.value), digits);
      action(Number(input.value));
      this.change();
    });
    this.controls.append(made("label", {}, label, input, said));
    return { get value() { return Number(input.value); }, set value(x) { input.value = x; said.textContent = shown(Number(input.value), digits); } };
  }

  toggle(label, on, action) {
    const input = made("input", { type: "checkbox", checked: on });
    input.addEventListener("change", () => { action(input.checked); this.change(); });
    this.controls.append(made("label", {}, input, label));
    return input;
  }

  choice(label, options, action) {
    const select = made("select", {}, ...options.map((text, index) => made("option", { value: index, textContent: text })));
    select.addEventListener("change", () => { action(Number(select.value)); this.change(); });
    this.controls.append(made("label", {}, label, select));
    return select;
  }

  // A number with its name; returns a function that sets it.
  number(name) {
    const value = made("dd", { textContent: "–" });
    this.numbers.append(made("div", {}, made("dt", { textContent: name }), value));
    return (text) => { if (value.textContent !== text) value.textContent = text; };
  }

  // Mouse and touch alike: `begin`, `move` and `end` get pixels of the canvas; a `begin` that returns false lets go, and a finger
  // scrolls the page.
  pointer(begin, move, end = () => {}) {
    let held = false;
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      held = begin(...place(event)) !== false;
      if (held) this.canvas.setPointerCapture(event.pointerId);
      this.change();
    });
    this.canvas.addEventListener("touchstart", (event) => held && event.preventDefault(), { passive: false });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      move(...place(event));
      this.change();
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(kind, () => { if (held) end(); held = false; this.change(); });
    }
  }

  // key name -> action
  keys(actions) {
    this.canvas.addEventListener("keydown", (event) => {
      const action = actions[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
      this.change();
    });
  }
}
