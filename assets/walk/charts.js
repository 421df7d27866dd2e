// Drawings of the walk: digits on canvases, curves in SVG. Colours are set in walk.css, so that
// they follow the theme.

import { svg } from "./dom.js";

function drawing(width, height, name) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: `lw-${name}` });
}

const set = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
};
const line = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
const mix = (from, to, t) => from.map((value, i) => value + (to[i] - value) * Math.min(1, t));

const BLACK = [0, 0, 0];
const WHITE = [255, 255, 255];
const BLUE = [0, 130, 215];
const ORANGE = [235, 110, 0];

/** A pixel: grey in [0, 1], towards blue below black and towards orange above white. */
function grey(value) {
  if (value < 0) return mix(BLACK, BLUE, -value);
  return value > 1 ? mix(WHITE, ORANGE, value - 1) : mix(BLACK, WHITE, value);
}

/** A change: white is none, blue is darker than before, orange brighter. */
const signed = (value) => mix(WHITE, value < 0 ? BLUE : ORANGE, Math.abs(value));

function paint(canvas, values, colour) {
  canvas.width = canvas.height = 28;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(28, 28);
  for (let i = 0; i < values.length; i++) {
    const [red, green, blue] = colour(values[i]);
    pixels.data[4 * i] = red;
    pixels.data[4 * i + 1] = green;
    pixels.data[4 * i + 2] = blue;
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

export const paintDigit = (canvas, values) => paint(canvas, values, grey);

export function paintChange(canvas, values) {
  const largest = values.reduce((best, v) => Math.max(best, Math.abs(v)), 0.2);
  paint(canvas, values, (value) => signed(value / largest));
}

/** Bars of the ten probabilities, with a mark where each was at the start. */
export function bars(names) {
  const element = document.createElement("div");
  element.className = "lw-bars";
  element.setAttribute("role", "img");
  const rows = names.map((name) => {
    const row = document.createElement("div");
    row.innerHTML = '<b></b><span><i></i><u></u></span><em></em>';
    row.firstChild.textContent = name;
    element.append(row);
    return { row, bar: row.querySelector("i"), mark: row.querySelector("u"), text: row.lastChild };
  });
  return {
    element,
    update(p, before) {
      const top = p.indexOf(Math.max(...p));
      rows.forEach(({ row, bar, mark, text }, i) => {
        row.classList.toggle("lw-top", i === top);
        bar.style.transform = `scaleX(${p[i]})`;
        mark.style.left = `${100 * before[i]}%`;
        text.textContent = percent(p[i]);
      });
    },
  };
}

export const percent = (p) => (p > 0.995 && p < 1 ? ">99 %" : `${Math.round(100 * p)} %`);

/**
 * The path from the side: how far it has come towards the target, and how far off the straight
 * line. On one flat piece of a leaf (or fibre) it would end on the half circle over start and
 * target (Thales: what is left is orthogonal to what was walked).
 */
export function map() {
  const [width, height, ground] = [320, 190, 160];
  const element = drawing(width, height, "map");
  const straight = svg("line", { class: "lw-faint" }, element);
  const arc = svg("path", { class: "lw-arc" }, element);
  const path = svg("polyline", { class: "lw-path" }, element);
  const from = svg("circle", { r: 4, class: "lw-ink" }, element);
  const to = svg("circle", { r: 5, class: "lw-ring" }, element);
  const now = svg("circle", { r: 6, class: "lw-now" }, element);
  const labels = ["start", "target"].map((text) =>
    svg("text", { y: ground + 20, "text-anchor": "middle" }, element, text));
  return {
    element,
    update(history) {
      const last = history.at(-1);
      const points = history.map(({ along, aside, whole }) => [along / whole, aside / whole]);
      const left = Math.min(-0.08, ...points.map(([x]) => x));
      const right = Math.max(1.08, ...points.map(([x]) => x));
      const high = Math.max(0.56, ...points.map(([, y]) => y));
      const unit = Math.min((width - 24) / (right - left), (ground - 14) / high);
      const edge = (width - unit * (right - left)) / 2;
      const at = ([x, y]) => [edge + unit * (x - left), ground - unit * y];
      const [[x0], [x1]] = [at([0, 0]), at([1, 0])];
      set(straight, { x1: x0, y1: ground, x2: x1, y2: ground });
      set(arc, { d: `M${x0} ${ground} A${unit / 2} ${unit / 2} 0 0 1 ${x1} ${ground}` });
      set(from, { cx: x0, cy: ground });
      set(to, { cx: x1, cy: ground });
      set(labels[0], { x: x0 });
      set(labels[1], { x: x1 });
      set(path, { points: line(points.map(at)) });
      const [x, y] = at([last.along / last.whole, last.aside / last.whole]);
      set(now, { cx: x, cy: y });
    },
  };
}

/** Curves over the steps, each a share between 0 and 1 (the distance may be more). */
export function curves(names) {
  const [width, height, left, ground] = [320, 170, 30, 145];
  const element = drawing(width, height, "curves");
  const grid = [0, 0.5, 1].map((value) => ({
    value,
    rule: svg("line", { class: "lw-grid", x1: left, x2: width - 6 }, element),
    text: svg("text", { x: left - 6, "text-anchor": "end" }, element, String(value)),
  }));
  const lines = names.map((name) =>
    svg("polyline", { class: `lw-curve lw-${name}` }, element));
  const end = svg("text", { y: ground + 17, x: width - 6, "text-anchor": "end" }, element);
  return {
    element,
    update(history) {
      const steps = Math.max(40, history.at(-1).steps);
      const series = names.map((name) => history.map((frame) =>
        [frame.steps, name === "distance" ? frame.distance / frame.whole : frame[name]]));
      const high = Math.max(1, ...series.flat().map(([, y]) => y));
      const place = ([t, y]) =>
        [left + ((width - left - 6) * t) / steps, ground - ((ground - 10) * y) / high];
      for (const { value, rule, text } of grid) {
        const y = place([0, value])[1];
        set(rule, { y1: y, y2: y });
        set(text, { y: y + 4 });
      }
      series.forEach((values, i) => set(lines[i], { points: line(values.map(place)) }));
      end.textContent = `${steps} steps`;
    },
  };
}

/** A piece of a curve, for a legend. */
export function swatch(name) {
  const element = svg("svg", { viewBox: "0 0 24 8", class: "lw-swatch", "aria-hidden": "true" });
  svg("line", { class: `lw-curve lw-${name}`, x1: 0, x2: 24, y1: 4, y2: 4 }, element);
  return element;
}

/** Nine eigenvalues of G on a logarithmic scale, hollow where they were at the start. */
export function spectrum(count) {
  const [width, height, left, ground] = [320, 170, 40, 145];
  const [low, high] = [-12, 2];
  const element = drawing(width, height, "spectrum");
  const y = (value) => {
    const power = Math.log10(Math.max(value, 1e-300));
    return ground - ((ground - 10) * (Math.min(high, Math.max(low, power)) - low)) / (high - low);
  };
  for (const power of [0, -4, -8, -12]) {
    const at = y(10 ** power);
    svg("line", { class: "lw-grid", x1: left, x2: width - 6, y1: at, y2: at }, element);
    const label = svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, element, "10");
    svg("tspan", { dy: -5, "font-size": 9 }, label, String(power).replace("-", "−"));
  }
  const rows = Array.from({ length: count }, (_, i) => {
    const x = left + ((i + 0.5) * (width - left - 6)) / count;
    svg("text", { x, y: ground + 17, "text-anchor": "middle" }, element, String(i + 1));
    return {
      stem: svg("line", { class: "lw-stem", x1: x, x2: x, y1: ground }, element),
      before: svg("circle", { class: "lw-ring", r: 4, cx: x }, element),
      now: svg("circle", { class: "lw-now", r: 4, cx: x }, element),
    };
  });
  return {
    element,
    update(values, first) {
      rows.forEach(({ stem, before, now }, i) => {
        set(stem, { y2: y(values[i] ?? 0) });
        set(now, { cy: y(values[i] ?? 0) });
        set(before, { cy: y(first[i] ?? 0) });
      });
    },
  };
}
