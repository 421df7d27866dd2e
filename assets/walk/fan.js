// Leaves on both sides of a wall, in three dimensions: <div class="leaf-fan"> (chapter 6).
//
// The scores are (x₁ + x₃ + u₁ ReLU(x₃), x₂ + u₂ ReLU(x₃), 0). In front of the wall x₃ = 0 the leaf
// through 0 is spanned by (1, 0, 1) and (0, 1, 0), behind it by (1, 0, 1 + u₁) and (0, 1, u₂).

import { h, svg } from "./dom.js";

const EDGE_POINTS = [-0.8, -0.4, 0, 0.4, 0.8];
const FLAT = 1e-9; // a trace as near as this to the edge is the edge

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const degrees = (angle) => (angle * 180) / Math.PI;
const radians = (angle) => (angle * Math.PI) / 180;

/** What the wall does to the leaf: the traces on both sides, their angle, the shared dimensions. */
export function meeting([u1, u2]) {
  const parallel = Math.abs(u2) < FLAT;
  const same = parallel && Math.abs(u1) < FLAT;
  return {
    before: [0, 1, 0],
    behind: [-u2, 1 + u1, 0],
    normal: [-(1 + u1), -u2, 1], // of the leaves behind the wall
    angle: degrees(Math.atan2(Math.abs(u2), Math.abs(1 + u1))),
    shared: same ? 2 : 1,
    sharedTraces: parallel ? 1 : 0,
  };
}

/** The part of a polygon where normal·x ≥ offset. */
function clip(polygon, normal, offset) {
  return polygon.flatMap((a, i) => {
    const b = polygon[(i + 1) % polygon.length];
    const [da, db] = [dot(normal, a) - offset, dot(normal, b) - offset];
    const kept = da >= 0 ? [a] : [];
    if (da * db < 0) kept.push(a.map((value, k) => value + (da / (da - db)) * (b[k] - value)));
    return kept;
  });
}

/** The part of the plane through a point, spanned by two vectors, in the box low ≤ x ≤ high. */
export function sheet(point, first, second, low, high) {
  const corner = (s, t) => point.map((value, k) => value + 9 * (s * first[k] + t * second[k]));
  let polygon = [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)];
  for (let k = 0; k < 3; k++) {
    const axis = [0, 1, 2].map((i) => Number(i === k));
    polygon = clip(polygon, axis, low[k]);
    polygon = clip(polygon, axis.map((value) => -value), -high[k]);
  }
  return polygon;
}

/** What there is to draw, each a class, points and whether it is closed, the farthest first. */
function scene({ turn, tilt, u }) {
  const { before, behind, normal } = meeting(u);
  const [cos, sin] = [Math.cos(radians(turn)), Math.sin(radians(turn))];
  const view = [cos * Math.cos(radians(tilt)), sin * Math.cos(radians(tilt)), Math.sin(radians(tilt))];
  const [below, above] = [[[-1, -1, -1], [1, 1, 0]], [[-0.6, -1, 0], [0.6, 1, 0.9]]];
  const front = [["lw-front", sheet([0, 0, 0], [1, 0, 1], before, ...below), true]];
  const wall = [["lw-wall", sheet([0, 0, 0], [1, 0, 0], [0, 1, 0], ...below), true]];
  // With equal traces all these leaves are one. The farther ones come first.
  const points = Math.abs(u[1]) < FLAT ? [0] : EDGE_POINTS;
  const depth = dot(view, normal) * -u[1];
  const fan = [...points].sort((a, b) => (a - b) * depth)
    .map((y) => ["lw-back", sheet([0, y, 0], behind, [1, 0, 1 + u[0]], ...above), true]);
  const traces = points.map((y) =>
    ["lw-back-trace", segment(sheet([0, y, 0], behind, [0, 0, 1], ...above)), false]);
  const edge = ["lw-edge", [[0, -1, 0], [0, 1, 0]], false];
  const sheets = tilt >= 0 ? [front, wall, fan] : [fan, wall, front];
  const toScreen = ([x, y, z]) => [
    -sin * x + cos * y,
    (cos * x + sin * y) * Math.sin(radians(tilt)) - z * Math.cos(radians(tilt)),
  ];
  return [...axes(), ...sheets.flat(), ...traces, edge]
    .map(([name, places, closed, label]) => [name, places.map(toScreen), closed, label]);
}

/** The two points of an upright sheet that lie in the wall. */
const segment = (polygon) => polygon.filter((point) => Math.abs(point[2]) < FLAT);

/** The three axes, from the lowest corner of the box. */
function axes() {
  const from = [-1, -1, -1];
  return [0, 1, 2].map((k) => {
    const to = from.map((value, i) => (i === k ? 1.15 : value));
    return ["lw-axis", [from, to], false, `x${"₁₂₃"[k]}`];
  });
}

function draw(drawing, state) {
  drawing.replaceChildren(...scene(state).flatMap(([name, places, closed, label]) => {
    const points = places.map((point) => point.map((v) => (100 * v).toFixed(1)).join(",")).join(" ");
    const shape = svg(closed ? "polygon" : "polyline", { points, class: name });
    if (!label) return [shape];
    const [x, y] = places[1].map((v) => 100 * v);
    const middle = { x, y, "text-anchor": "middle", dy: "0.35em" };
    return [shape, svg("text", middle, null, label)];
  }));
}

function words(state) {
  const { angle, sharedTraces, shared } = meeting(state.u);
  if (shared === 2) return "The unit adds nothing: there is no wall to notice, the leaf goes straight on.";
  if (sharedTraces) {
    return "The traces agree: the leaf continues behind the wall, with a bend. "
      + "This is the special case, u parallel to the change of the scores across the wall.";
  }
  return `The traces meet at ${angle.toFixed(1)} degrees: the leaf ends in the wall, and through `
    + "each point of its edge starts another leaf.";
}

/** Fill an element with the drawing, its controls and a sentence that says what is seen. */
export function mountFan(place) {
  const state = { turn: 160, tilt: 22, u: [0, 1] };
  const drawing = svg("svg", { viewBox: "-170 -150 340 300", role: "img" });
  const status = h("p", { class: "lw-status", role: "status" });
  const slider = (text, min, max, step, get, set, unit = "") => {
    const input = h("input", {
      type: "range", min, max, step, value: get(), input: () => { set(Number(input.value)); show(); },
    });
    const output = h("output", { "aria-live": "off" });
    const update = () => {
      input.value = get();
      output.textContent = unit ? `${Math.round(get())}${unit}` : get().toFixed(1);
    };
    return { element: h("label", {}, h("span", {}, text), input, output), update };
  };
  const sliders = [
    slider("turn", 0, 360, 1, () => state.turn, (v) => { state.turn = v; }, "°"),
    slider("tilt", -80, 80, 1, () => state.tilt, (v) => { state.tilt = v; }, "°"),
    slider("u₁", -0.8, 2, 0.1, () => state.u[0], (v) => { state.u[0] = v; }),
    slider("u₂", -2, 2, 0.1, () => state.u[1], (v) => { state.u[1] = v; }),
  ];
  function show() {
    draw(drawing, state);
    sliders.forEach(({ update }) => update());
    status.textContent = words(state);
    drawing.setAttribute("aria-label",
      `A grey wall, a blue leaf below it and orange leaves above it. ${status.textContent}`);
  }
  // A finger turns by moving sideways; up and down scrolls the page.
  drawing.addEventListener("pointerdown", (event) => drawing.setPointerCapture(event.pointerId));
  drawing.addEventListener("pointermove", (event) => {
    if (!drawing.hasPointerCapture(event.pointerId)) return;
    state.turn = (state.turn - event.movementX / 2 + 360) % 360;
    if (event.pointerType === "mouse") {
      state.tilt = Math.max(-80, Math.min(80, state.tilt + event.movementY / 2));
    }
    show();
  });
  place.classList.add("lw", "lw-fan");
  place.replaceChildren(
    drawing, h("div", { class: "lw-fan-sliders lw-hand" }, ...sliders.map(({ element }) => element)), status);
  show();
}

if (typeof document !== "undefined") document.querySelectorAll(".leaf-fan").forEach(mountFan);
