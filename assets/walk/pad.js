// A pad to draw a start digit on, and drawings as text.

import { paintDigit } from "./charts.js";
import { h } from "./dom.js";

const SIDE = 28;

/** A drawing as text for an address: 16 levels of grey, one letter a pixel, runs shortened. */
const LETTERS = "abcdefghijklmnop";
export const encode = (image) => Array.from(image, (v) => LETTERS[Math.round(15 * v)]).join("")
  .replace(/(.)\1{3,}/g, (run) => run[0] + run.length);
/** The drawing of such a text, or null. */
export function decode(text) {
  const long = text.replace(/([a-p])(\d+)/g, (_, letter, n) => letter.repeat(Math.min(n, 784)));
  if (!/^[a-p]{784}$/.test(long)) return null;
  return Float64Array.from(long, (letter) => LETTERS.indexOf(letter) / 15);
}

/** Move a drawing so that its centre of mass is that of the digits of MNIST: the middle. */
function centred(image) {
  let [mass, row, column] = [0, 0, 0];
  image.forEach((v, i) => { mass += v; row += v * Math.floor(i / SIDE); column += v * (i % SIDE); });
  if (mass === 0) return image;
  const [down, right] = [row, column].map((sum) => Math.round(SIDE / 2 - sum / mass));
  return image.map((_, i) => {
    const [r, c] = [Math.floor(i / SIDE) - down, (i % SIDE) - right];
    return r < 0 || c < 0 || r >= SIDE || c >= SIDE ? 0 : image[r * SIDE + c];
  });
}

/** A pad of 28 by 28 pixels for mouse, finger and keys. */
export function drawingPad(image, done) {
  let ink = Float64Array.from(image);
  let [row, column, down] = [SIDE / 2, SIDE / 2, false];
  const canvas = h("canvas", {
    tabindex: 0, role: "application",
    "aria-label": "Drawing pad. Arrow keys move the pen, space lowers and lifts it.",
  });
  const hint = h("p", { class: "lw-note", "aria-live": "polite" });
  const idle = "Draw with the mouse or a finger; or with the arrow keys, and space to lower and lift the pen.";

  function show(cursor = false) {
    const seen = Float64Array.from(ink);
    if (cursor) seen[Math.round(row) * SIDE + Math.round(column)] = down ? 2 : -1;
    paintDigit(canvas, seen);
  }
  /** A soft dot, about as wide as the strokes of the digits. */
  function dot() {
    for (let i = 0; i < ink.length; i++) {
      const far = Math.hypot(Math.floor(i / SIDE) - row, (i % SIDE) - column);
      ink[i] = Math.max(ink[i], Math.min(1, Math.max(0, 1.9 - far)));
    }
  }
  function strokeTo(r, c) {
    const count = Math.ceil(2 * Math.hypot(r - row, c - column)) || 1;
    const [r0, c0] = [row, column];
    for (let i = 1; i <= count; i++) {
      [row, column] = [r0 + ((r - r0) * i) / count, c0 + ((c - c0) * i) / count];
      if (down) dot();
    }
  }
  const finish = () => { if (ink.some((v) => v > 0)) done(centred(ink)); };
  const position = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [((clientY - box.top) / box.height) * SIDE - 0.5, ((clientX - box.left) / box.width) * SIDE - 0.5];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    [row, column] = position(event);
    down = true;
    dot();
    show();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down || !canvas.hasPointerCapture(event.pointerId)) return;
    strokeTo(...position(event));
    show();
  });
  canvas.addEventListener("pointerup", () => { down = false; finish(); });
  canvas.addEventListener("pointercancel", () => { down = false; });
  canvas.addEventListener("keydown", (event) => {
    const [dr, dc] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (dr !== undefined) {
      const inside = (v) => Math.min(SIDE - 2, Math.max(1, Math.round(v)));
      strokeTo(inside(row + dr), inside(column + dc));
    } else if (event.key === " " || event.key === "Enter") {
      down = !down;
      hint.textContent = `Pen ${down ? "down" : "up"} at row ${Math.round(row)}, column ${Math.round(column)}.`;
      if (down) dot();
      else finish();
    } else return;
    event.preventDefault();
    show(true);
  });
  canvas.addEventListener("blur", () => { down = false; hint.textContent = idle; show(); });
  const clear = h("button", { type: "button", click: () => { ink = new Float64Array(784); show(); canvas.focus(); } }, "Clear");
  hint.textContent = idle;
  show();
  return {
    element: h("div", { class: "lw-pad", hidden: true }, canvas, h("div", {}, hint, clear)),
    focus: () => canvas.focus(),
  };
}
