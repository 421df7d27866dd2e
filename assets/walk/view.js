// The walk as a reader sees it: choices, pictures, numbers. The walk itself runs in a worker.

import * as charts from "./charts.js";
import { choice, h } from "./dom.js";
import { gaussian, norm } from "./linalg.js";
import { decode, drawingPad, encode } from "./pad.js";

const MOVES = {
  leaf: "leaf → target",
  fibre: "fibre → target",
  "noise-fibre": "noise, fibre part",
  "noise-leaf": "noise, leaf part",
  "noise-plain": "plain noise",
  hand: "by hand",
};
const MEANING = {
  leaf: "Along the leaf towards the target: the part of the way on which the probabilities change.",
  fibre: "Along the fibre towards the target: the part of the way on which the probabilities do not change.",
  "noise-fibre": "Noise, only its part in the kernel of G: the network's answer stays.",
  "noise-leaf": "Noise, only its part in the leaf, in steps of the same length.",
  "noise-plain": "Plain Gaussian noise, in steps of the same length.",
  hand: "The start plus multiples of the nine eigenvectors of G there. Off the leaf is what this move has outside D at the place where it ends.",
};
const article = (digit) => `${digit === "8" ? "an" : "a"} ${digit}`;
const KINDS = { digit: "digit", mirrored: "mirrored", noise: "noise" };
const RULES = { exact: "exact", published: "published" };
const LENGTHS = { 0.1: "0.1", 0.2: "0.2", 0.4: "0.4" };
const ENDS = {
  reached: "The walk has reached its target.",
  stalled: "The walk has stalled: what is left of the way is orthogonal to it.",
  drifted: "Here it is over: steps of this length jump over the walls of the regions, and have drifted off the fibre by a shift of p of 0.1. Shorter steps stay longer.",
  "out of steps": "The walk has made its 500 steps.",
};
const NUMBERS = [
  // key, short name, what it is
  ["distance", "to go", "distance to the target, in units of a pixel's range"],
  ["ratio", "‖Πv‖ / ‖v‖", "share of the direction that the leaf allows; for a fibre, the fibre"],
  ["outside", "off the leaf", "share of the path, in squared lengths, that leaves the leaf or fibre"],
  ["shift", "shift of p", "total variation between the probabilities now and at the start"],
];
const DEFAULTS = {
  start: "7", target: "2", kind: "digit", move: "leaf", rule: "exact", length: "0.2", seed: "1",
  steps: "0", hand: "",
};
const CLASSES = 10;
const DIRECTIONS = 9;
const SIDE = 28;

/** Calls of the worker as promises, in order. */
class Engine {
  #waiting = new Map();
  #count = 0;

  constructor(address) {
    this.worker = new Worker(address, { type: "module" });
    this.worker.onmessage = ({ data }) => {
      const { resolve, reject } = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error) reject(new Error(data.error));
      else resolve(data.frames);
    };
    this.worker.onerror = (event) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(event.message || "worker"));
      this.#waiting.clear();
    };
  }

  call(name, data = {}) {
    return new Promise((resolve, reject) => {
      const id = this.#count++;
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, call: name, ...data });
    });
  }
}

const mirror = (image) => image.map((_, i) => image[i - (i % SIDE) + SIDE - 1 - (i % SIDE)]);

/**
 * Show the walk in an element.
 *
 * @param place the element; the walk is added to it.
 * @param options form ("full" or "compact"), manifest and weights of the network (ArrayBuffer),
 *   digits ({labels}) and pixels (ArrayBuffer, a byte each), worker (address of worker.js), and
 *   address: whether the state is read from the page's address and written to it.
 * @returns {Promise<() => void>} a function that takes the walk away again.
 */
export async function mount(place, options) {
  const full = options.form !== "compact";
  const engine = new Engine(options.worker ?? new URL("./worker.js", import.meta.url));
  await engine.call("load", { manifest: options.manifest, weights: options.weights });
  const bytes = new Uint8Array(options.pixels);
  const digits = options.digits.labels.map((_, k) =>
    Float64Array.from(bytes.subarray(784 * k, 784 * (k + 1)), (v) => v / 255));

  // ---- state -------------------------------------------------------------------------------
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const state = { ...DEFAULTS, ...(options.address ? readAddress() : {}) };
  let drawn = decode(state.start) ?? new Float64Array(784);
  let multiples = state.hand ? state.hand.split("_").map(Number) : Array(DIRECTIONS).fill(0);
  let history = [];
  let now;
  let playing = false;
  let drawing = !(state.start in digits); // the pad is open, though there may be no stroke yet
  let turn = 0; // counts the walks that were begun: an answer that belongs to an older one is late

  const towards = () => state.move === "leaf" || state.move === "fibre";
  const startImage = () => (state.start in digits ? digits[state.start] : drawn);
  const startName = () => (state.start in digits ? article(state.start) : "your drawing");
  function targetImage() {
    const digit = digits[state.target];
    if (state.kind === "mirrored") return mirror(digit);
    if (state.kind === "digit") return digit;
    // Noise at the same distance from the start as the digit.
    const start = startImage();
    const noise = gaussian(start.length, 0);
    const [far, size] = [norm(digit.map((v, i) => v - start[i])), norm(noise)];
    return start.map((v, i) => v + (far / size) * noise[i]);
  }
  const targetName = () => ({
    digit: article(state.target), mirrored: `a mirrored ${state.target}`, noise: "noise",
  })[state.kind];

  // ---- the pieces --------------------------------------------------------------------------
  const thumb = (image) => (value) => {
    const canvas = h("canvas", { "aria-hidden": "true" });
    charts.paintDigit(canvas, image(value));
    return h("span", {}, canvas, h("span", { class: "lw-hidden" }, value));
  };
  const names = Object.fromEntries(digits.map((_, k) => [k, String(k)]));
  const pen = () => h("span", { class: "lw-pen" }, full ? "✎ draw" : "");
  const starts = choice("Start", full ? { ...names, draw: "draw" } : names, state.start,
    (value) => (value === "draw" ? openPad() : begin({ start: value })),
    (value) => (value === "draw" ? pen() : thumb((v) => digits[v])(value)));
  const targets = choice("Target", names, state.target, (target) => begin({ target }), thumb((v) => digits[v]));
  const kinds = choice("Target as", KINDS, state.kind, (kind) => begin({ kind }));
  const moves = choice("Move", full ? MOVES : pick(MOVES, ["leaf", "fibre", "noise-fibre", "noise-leaf"]),
    state.move, (move) => begin({ move }));
  const rules = choice("Rule", RULES, state.rule, (rule) => begin({ rule }));
  const lengths = choice("Step length", LENGTHS, state.length, (length) => begin({ length }));
  const about = h("p", { class: "lw-about" });

  const canvases = Object.fromEntries(["now", "start", "change", "target"].map((name) =>
    [name, h("canvas", { role: "img" })]));
  const picture = (name, text) => h("figure", { class: `lw-${name}` }, canvases[name], h("figcaption", {}, text));
  const outOfRange = h("p", { class: "lw-note", hidden: true },
    "Blue: darker than black. Orange: brighter than white.");
  const bars = charts.bars(Object.values(names));
  const map = charts.map();
  const curves = charts.curves(NUMBERS.map(([key]) => key));
  const spectrum = charts.spectrum(DIRECTIONS);
  const values = Object.fromEntries(NUMBERS.map(([key]) => [key, h("strong", {})]));
  const labels = Object.fromEntries(NUMBERS.map(([key, name]) => [key, h("span", {}, name)]));
  const stepCount = h("strong", {});
  const numbers = h("div", { class: "lw-numbers" },
    h("div", {}, h("span", {}, "steps"), stepCount),
    ...NUMBERS.map(([key, , meaning]) =>
      h("div", { title: meaning }, h("span", {}, ...(full ? [charts.swatch(key)] : []), labels[key]), values[key])));

  const playButton = h("button", { type: "button", class: "lw-play", click: () => (playing ? pause() : play()) });
  const stepButton = h("button", { type: "button", click: oneStep }, "Step");
  const resetButton = h("button", { type: "button", click: () => begin({}) }, "Reset");
  const speed = h("input", { type: "range", min: 2, max: 60, value: 20, input: showSpeed });
  const speedText = h("output", {});
  const linkButton = h("button", { type: "button", click: copyLink }, "Copy link");
  const noiseButton = h("button", { type: "button", click: () => begin({ seed: String(Number(state.seed) + 1) }) }, "New noise");
  const status = h("p", { class: "lw-status", role: "status", "aria-live": "polite" });

  const sliders = Array.from({ length: DIRECTIONS }, (_, k) => {
    const output = h("output", {});
    const input = h("input", {
      type: "range", min: -8, max: 8, step: 0.1, value: multiples[k],
      input: () => { multiples[k] = Number(input.value); placeByHand(); },
      change: () => placeByHand().then(() => settle()),
    });
    return { input, output, label: h("label", {}, h("span", {}, `direction ${k + 1}`), input, output) };
  });
  const hand = h("fieldset", { class: "lw-hand" }, h("legend", {}, "Eigenvectors of G at the start, by size of their eigenvalue"),
    ...sliders.map(({ label }) => label));

  const pad = full ? drawingPad(drawn, (image) => {
    drawn = image;
    begin({ start: encode(image) });
  }) : null;

  function openPad() {
    drawing = true;
    pad.element.hidden = false;
    pad.focus();
    if (drawn.some((v) => v > 0)) begin({ start: encode(drawn) });
  }

  const root = h("section", { class: `lw lw-${full ? "full" : "compact"}`, "aria-label": "A walk on a leaf" },
    h("div", { class: "lw-pick" }, starts.element, h("div", {}, targets.element, ...(full ? [kinds.element] : []))),
    ...(pad ? [pad.element] : []),
    h("div", { class: "lw-row" }, moves.element, ...(full ? [rules.element, lengths.element] : [])),
    about,
    h("div", { class: "lw-bar" }, playButton, stepButton, resetButton,
      ...(full ? [noiseButton] : []),
      h("label", { class: "lw-speed" }, h("span", {}, "Speed"), speed, speedText),
      ...(full && options.address ? [linkButton] : [])),
    h("div", { class: "lw-stage" },
      h("div", { class: "lw-images" }, picture("now", "now"),
        h("div", { class: "lw-minis" }, picture("start", "start"), picture("change", "change"), picture("target", "target")),
        outOfRange),
      h("figure", {}, h("figcaption", {}, "What the network says"), bars.element),
      h("figure", {}, h("figcaption", {}, "The path, from the side"), map.element,
        h("p", { class: "lw-note" }, "On a single flat piece a walk would end on the dashed arc."))),
    hand,
    numbers,
    ...(full ? [h("div", { class: "lw-charts" },
      h("figure", { class: "lw-over" }, h("figcaption", {}, "Over the steps, as shares"), curves.element),
      h("figure", {}, h("figcaption", {}, "Eigenvalues of G, hollow at the start"), spectrum.element))] : []),
    status);
  place.append(root);

  // ---- what happens ------------------------------------------------------------------------
  /** Begin a walk with these changes of the state. */
  async function begin(changes, { quiet = false } = {}) {
    const mine = ++turn;
    playing = false;
    Object.assign(state, changes, { steps: "0" });
    if ("start" in changes) drawing = !(state.start in digits);
    if (!("hand" in changes)) multiples = multiples.map(() => 0);
    const frames = await engine.call("begin", {
      start: startImage(), target: targetImage(), mode: state.move, rule: state.rule,
      step: Number(state.length), seed: Number(state.seed),
    });
    if (mine !== turn) return;
    history = frames;
    now = frames[0];
    showChoices();
    show();
    settle({ quiet });
  }

  async function advance(count) {
    const mine = turn;
    const frames = await engine.call("advance", { count });
    if (mine !== turn) return false;
    history.push(...frames);
    now = frames.at(-1) ?? now;
    show();
    return frames.length > 0 && !now.reason;
  }

  async function play() {
    const mine = turn;
    playing = true;
    showButtons();
    status.textContent = `Walking: ${MOVES[state.move]}.`;
    for (let more = true; more && playing && mine === turn;) {
      // Where motion is unwelcome: a new picture only once a second.
      const [count, pace] = still.matches ? [20, 1000] : [1, 1000 / speed.value];
      const due = performance.now() + pace;
      more = await advance(count);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
    if (mine !== turn) return;
    playing = false;
    settle();
  }

  function pause() {
    playing = false; // the loop above ends and says where the walk is
  }

  async function oneStep() {
    playing = false;
    await advance(1);
    settle();
  }

  let placing; // the work on the sliders' last values, while it goes on
  function placeByHand() {
    placing ??= follow().finally(() => { placing = undefined; });
    return placing;
  }

  /** Put the image where the sliders are, until they have not moved meanwhile. */
  async function follow() {
    for (let sent; String(sent) !== String(multiples);) {
      const mine = turn;
      sent = [...multiples];
      const frames = await engine.call("place", { multiples: sent });
      if (mine !== turn) return;
      now = frames[0];
      history = [history[0], { ...now, steps: 1 }];
      show();
    }
  }

  /** Say where the walk is, and write it to the address. */
  function settle({ quiet = false } = {}) {
    showButtons();
    status.textContent = describe();
    canvases.now.setAttribute("aria-label", `The image now. The network says ${said()}.`);
    bars.element.setAttribute("aria-label", `Probabilities of the digits 0 to 9: ${Array.from(now.p, charts.percent).join(", ")}.`);
    map.element.setAttribute("aria-label", `The path: ${(now.along / now.whole).toFixed(2)} of the way towards the target, ${(now.aside / now.whole).toFixed(2)} off the straight line.`);
    curves.element.setAttribute("aria-label", `Curves over ${now.steps} steps of the four numbers above, from the start to their values now.`);
    spectrum.element.setAttribute("aria-label", `Eigenvalues of G: ${now.eigenvalues.map((v) => v.toExponential(0)).join(", ")}.`);
    state.steps = String(now.steps);
    state.hand = multiples.some(Boolean) ? multiples.join("_") : "";
    if (options.address && !quiet) writeAddress(state);
  }

  const said = () => {
    const top = now.p.indexOf(Math.max(...now.p));
    return `${top} with ${charts.percent(now.p[top])}`;
  };

  function describe() {
    const to = `Distance to ${targetName()}: ${now.distance.toFixed(1)}, ${Math.round((100 * now.distance) / now.whole)} % of that of the start.`;
    const where = state.move === "hand" ? `At ${now.arc.toFixed(1)} from ${startName()}, along the eigenvectors of G there.`
      : now.steps === 0 ? `At the start, ${startName()}. ${MEANING[state.move]}`
        : `${now.steps} ${now.steps === 1 ? "step" : "steps"} from ${startName()}: ${MOVES[state.move].replace("→ target", `towards ${targetName()}`)}${towards() ? `, ${state.rule} rule` : ""}.`;
    return [where, `The network says ${said()}.`, to, ENDS[now.reason] ?? ""].join(" ").trim();
  }

  // ---- what is shown -----------------------------------------------------------------------
  function show() {
    const first = history[0];
    charts.paintDigit(canvases.now, now.image);
    charts.paintChange(canvases.change, now.image.map((v, i) => v - first.image[i]));
    outOfRange.hidden = !now.image.some((v) => v < -0.05 || v > 1.05);
    bars.update(now.p, first.p);
    map.update(history);
    if (full) {
      curves.update(history);
      spectrum.update(now.eigenvalues, first.eigenvalues);
    }
    stepCount.textContent = now.steps;
    values.distance.textContent = `${now.distance.toFixed(1)} of ${now.whole.toFixed(1)}`;
    for (const key of ["ratio", "shift"]) values[key].textContent = now[key].toFixed(3);
    values.outside.textContent = `${(100 * now.outside).toFixed(1)} %`;
    sliders.forEach(({ input, output }, k) => {
      output.textContent = multiples[k].toFixed(1).replace("-", "−");
      input.setAttribute("aria-valuetext", `${multiples[k].toFixed(1)}, eigenvalue ${first.eigenvalues[k]?.toExponential(0) ?? 0}`);
    });
  }

  function showChoices() {
    for (const [group, key] of [[starts, "start"], [targets, "target"], [kinds, "kind"], [moves, "move"], [rules, "rule"], [lengths, "length"]]) {
      group.select(key === "start" && drawing ? "draw" : state[key]);
    }
    if (pad) pad.element.hidden = !drawing;
    rules.element.disabled = !towards();
    lengths.element.disabled = state.move === "hand";
    noiseButton.hidden = towards() || state.move === "hand";
    hand.hidden = state.move !== "hand";
    labels.outside.textContent = `off the ${state.move.endsWith("fibre") ? "fibre" : "leaf"}`;
    playButton.parentElement.hidden = state.move === "hand";
    root.dataset.move = state.move;
    about.textContent = towards() && state.rule === "published"
      ? "The published rule asks a solver for ten independent directions. There are nine, so the tenth is round-off; each step is stretched to full length and cut to the pixels' range. Where the exact rule stalls, this one goes on, off the leaf."
      : MEANING[state.move];
    sliders.forEach(({ input }, k) => { input.value = multiples[k]; });
    const target = targetImage();
    charts.paintDigit(canvases.start, startImage());
    charts.paintDigit(canvases.target, target);
    canvases.start.setAttribute("aria-label", `The start, ${startName()}.`);
    canvases.target.setAttribute("aria-label", `The target, ${targetName()}.`);
    canvases.change.setAttribute("aria-label", "What has changed since the start.");
  }

  function showButtons() {
    const over = Boolean(now.reason);
    playButton.textContent = playing ? "Pause" : "Play";
    playButton.disabled = over;
    stepButton.disabled = over;
  }

  function showSpeed() {
    speedText.textContent = `${speed.value} a second`;
  }

  async function copyLink() {
    writeAddress(state);
    try {
      await navigator.clipboard.writeText(location.href);
      status.textContent = "The link to this situation is copied.";
    } catch {
      status.textContent = "The address of this page is the link to this situation.";
    }
  }

  // ---- the beginning -----------------------------------------------------------------------
  showSpeed();
  const [asked, placed] = [Number(state.steps), state.hand];
  const visited = options.address && location.search.includes("move=");
  await begin({ hand: state.hand }, { quiet: !visited });
  if (placed && state.move === "hand") await placeByHand();
  // A situation from a link is walked to in parts, so that the page can show them.
  while (now.steps < asked && (await advance(Math.min(10, asked - now.steps))));
  if (visited) settle();
  else if (!full && options.autoplay && !still.matches) whenSeen(root, () => turn === 1 && play());
  return () => {
    turn++;
    engine.worker.terminate();
    root.remove();
  };
}

const pick = (object, keys) => Object.fromEntries(keys.map((key) => [key, object[key]]));

/** Call once when half of an element is in sight. */
function whenSeen(element, call) {
  const observer = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    call();
  }, { threshold: 0.5 });
  observer.observe(element);
}

/** The state that an address holds; what is unknown or does not make sense is left out. */
function readAddress() {
  const query = new URLSearchParams(location.search);
  const sound = {
    start: (v) => /^\d$/.test(v) || decode(v), target: (v) => /^\d$/.test(v),
    kind: (v) => v in KINDS, move: (v) => v in MOVES, rule: (v) => v in RULES,
    length: (v) => v in LENGTHS, seed: (v) => /^\d{1,4}$/.test(v),
    steps: (v) => /^\d{1,3}$/.test(v),
    hand: (v) => /^(-?\d(\.\d)?_){8}-?\d(\.\d)?$/.test(v),
  };
  return Object.fromEntries([...query].filter(([key, value]) => sound[key]?.(value)));
}

function writeAddress(state) {
  const address = new URL(location.href);
  for (const key of Object.keys(DEFAULTS)) {
    if (state[key] !== DEFAULTS[key] || key === "move") address.searchParams.set(key, state[key]);
    else address.searchParams.delete(key);
  }
  window.history.replaceState(window.history.state, "", address);
}
