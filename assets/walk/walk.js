// The distribution D at a point, and walks along it. (Chapters 3 to 7.)
//
// J is the Jacobian of the logits. D is spanned by the differences of its rows, so it comes from
// the logits alone: HJ, with the rows of H an orthonormal basis of the vectors with sum 0. The
// local data matrix is G = JᵀΣJ with Σ = diag(p) − ppᵀ; its kernel is the complement of D. p does
// not change along ker G, the fibre.

import {
  add, combine, contrasts, dot, gaussian, leastSquares32, minus, norm, orthonormal, scaled,
  softmax, svd,
} from "./linalg.js";

export const MODES = ["leaf", "fibre", "noise-fibre", "noise-leaf", "noise-plain", "hand"];
const REACH = 0.3081; // the walk is over at this distance: 1 in the units of the paper
const STALL = 0.01; // or where D holds less than this share of the way to the target
const MOST_STEPS = 500;
const DRIFT = 0.1; // a walk on a fibre is over when p has shifted as much as this

/** Everything that the network says about a point. */
export function look(network, x) {
  const { logits, rows } = network.jacobian(x);
  const p = softmax(logits);
  const h = contrasts(p.length);
  const differences = h.map((weights) => combine(weights, rows));
  // Any orthonormal basis of their span would do, if they were independent. To see whether they
  // are, it is turned into the right singular vectors; those of value 0 do not belong to D.
  const basis = orthonormal(differences);
  const parts = basis.map((q) => differences.map((difference) => dot(difference, q)));
  const { values, vectors } = svd(parts);
  const frame = vectors
    .filter((_, k) => values[k] > x.length * Number.EPSILON * values[0])
    .map((weights) => combine(weights, basis));

  // G on D. A = diag(√p)(J − 1pᵀJ) has G = AᵀA, so the squared singular values of A are the
  // eigenvalues of G, and turning the frame until its images under A are orthogonal makes it the
  // eigenvectors. Each row of A is a sum of differences, which keeps the digits of small p.
  const along = rows.map((row) => Float64Array.from(frame, (q) => dot(q, row)));
  const factor = along.map((row, i) => {
    const sum = new Float64Array(frame.length);
    along.forEach((other, k) => add(sum, p[k], minus(row, other)));
    return scaled(Math.sqrt(p[i]), sum);
  });
  const images = frame.map((_, a) => factor.map((row) => row[a]));
  const turned = svd(images);
  return {
    logits, p, rows, frame,
    eigenvalues: turned.values.map((value) => value * value),
    directions: turned.vectors.map((weights) => {
      const e = combine(weights, frame);
      return largest(e) < 0 ? scaled(-1, e) : e;
    }),
  };
}

const largest = (a) => a.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);

/** The part of a vector in D. */
export function project(frame, v) {
  return combine(frame.map((q) => dot(q, v)), frame.length ? frame : [new Float64Array(v.length)]);
}

/**
 * Projection of v on D by the solver of the published rule, kept here to see what it does: least
 * squares for full rank, in single precision, on the ∇log p_i scaled to length 1. Σ p_i ∇log p_i
 * = 0, so their rank is one below full: one direction of the answer is round-off. (Chapter 7.)
 */
export function publishedProject({ p, rows }, v) {
  const mean = new Float32Array(v.length);
  rows.forEach((row, k) => add(mean, Math.fround(p[k]), Float32Array.from(row)));
  const columns = rows.map((row) => {
    const score = minus(Float32Array.from(row), mean);
    return scaled(1 / (norm(score) || 1), score);
  });
  return leastSquares32(columns, v);
}

/**
 * A walk from `start`.
 *
 * Towards `target`, along D ("leaf") or along ker G ("fibre"): by the exact rule a step is the
 * projection of target − x, cut to the length `step`; by the published rule it is the projection by
 * least squares (for the fibre, the exact one), stretched to that length, and pixels are cut to
 * [0, 1]. Without a target, from noise that is drawn once: its part in ker G, its part in D, or all
 * of it, each stretched to the length `step`. By "hand": the start plus a combination of the
 * eigenvectors of G there.
 */
export class Walk {
  constructor(network, options) {
    const { start, seed = 1 } = options;
    Object.assign(this, { mode: "leaf", rule: "exact", step: 0.2, drift: DRIFT }, options);
    this.network = network;
    this.noise = gaussian(start.length, seed);
    this.x = Float64Array.from(start);
    this.steps = 0;
    this.arc = 0;
    this.moved = 0; // sums of the squared lengths of all moves, and of their parts outside
    this.outside = 0;
    this.reason = "";
    this.here = look(network, this.x);
    this.first = this.here;
  }

  get #towards() {
    return this.mode === "leaf" || this.mode === "fibre";
  }

  /** What the walk wants, and the part of it that is allowed here. */
  #way() {
    const v = this.mode.startsWith("noise") ? this.noise : minus(this.target, this.x);
    if (this.mode === "noise-plain") return { v, allowed: v };
    const inside = project(this.here.frame, v);
    return { v, allowed: this.mode.endsWith("fibre") ? minus(v, inside) : inside };
  }

  /** Make one step, unless the walk is over. */
  advance() {
    if (this.reason || this.mode === "hand") return;
    const published = this.rule === "published" && this.#towards;
    const { v, allowed } = this.#way();
    const way = published && this.mode === "leaf" ? publishedProject(this.here, v) : allowed;
    const size = norm(way);
    if (!(size > 0)) {
      this.reason = "stalled";
      return;
    }
    const length = published || !this.#towards ? this.step : Math.min(this.step, size);
    let next = add(Float64Array.from(this.x), length / size, way);
    if (published) next = next.map((pixel) => Math.min(1, Math.max(0, pixel)));
    this.#record(next);
    if (this.#towards) {
      if (norm(minus(this.target, this.x)) <= REACH) this.reason = "reached";
      else if (!published && this.ratio <= STALL) this.reason = "stalled";
    }
    // On one flat piece p cannot change. A step that crosses a wall lands beside the fibre.
    if (this.mode.endsWith("fibre") && !published && this.shift > this.drift) this.reason = "drifted";
    if (!this.reason && this.steps >= MOST_STEPS) this.reason = "out of steps";
  }

  #record(next) {
    const made = minus(next, this.x);
    const inside = dot(made, project(this.here.frame, made));
    const all = dot(made, made);
    this.moved += all;
    this.outside += this.mode === "fibre" || this.mode === "noise-fibre" ? inside : all - inside;
    this.arc += Math.sqrt(all);
    this.steps += 1;
    this.x = next;
    this.here = look(this.network, next);
  }

  /** Go to the start plus these multiples of the eigenvectors there. */
  place(multiples) {
    const shift = combine(multiples, this.first.directions);
    this.x = add(Float64Array.from(this.start), 1, shift);
    this.here = look(this.network, this.x);
    this.arc = norm(shift);
    this.moved = this.arc ** 2;
    this.outside = this.moved - dot(shift, project(this.here.frame, shift));
  }

  /** ‖proj v‖/‖v‖ by the exact projector: how much of the way the leaf (the fibre) allows. */
  get ratio() {
    const { v, allowed } = this.#way();
    return norm(allowed) / (norm(v) || 1);
  }

  /** Total variation between the probabilities now and at the start. */
  get shift() {
    return this.here.p.reduce((sum, p, i) => sum + Math.abs(p - this.first.p[i]), 0) / 2;
  }

  /** What there is to see now; plain numbers, so that it can be sent from a worker. */
  frame() {
    const straight = minus(this.target, this.start);
    const whole = norm(straight);
    const done = minus(this.x, this.start);
    const along = dot(done, straight) / (whole || 1);
    return {
      image: Float32Array.from(this.x),
      p: this.here.p,
      eigenvalues: this.here.eigenvalues,
      steps: this.steps,
      arc: this.arc,
      reason: this.reason,
      distance: norm(minus(this.target, this.x)),
      whole,
      ratio: this.ratio,
      outside: this.moved > 0 ? Math.max(0, this.outside / this.moved) : 0,
      shift: this.shift,
      along,
      aside: Math.sqrt(Math.max(0, dot(done, done) - along * along)),
    };
  }
}
