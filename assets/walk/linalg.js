// The little linear algebra that a walk needs. Vectors are Float64Array, matrices arrays of rows.

export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export const norm = (a) => Math.sqrt(dot(a, a));
export const minus = (a, b) => a.map((value, i) => value - b[i]);
export const scaled = (factor, a) => a.map((value) => factor * value);

/** a + factor · b, in place. */
export function add(a, factor, b) {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
  return a;
}

/** The combination of the rows with these weights. */
export function combine(weights, rows) {
  const sum = new Float64Array(rows[0].length);
  rows.forEach((row, k) => add(sum, weights[k], row));
  return sum;
}

/** Orthonormal basis of the vectors of n entries whose sum is 0, as n − 1 rows (Helmert). */
export function contrasts(n) {
  return Array.from({ length: n - 1 }, (_, i) => {
    const row = new Float64Array(n).fill(1, 0, i + 1);
    row[i + 1] = -(i + 1);
    return scaled(1 / norm(row), row);
  });
}

/** Orthonormal vectors Q with the span of the rows: Gram and Schmidt, twice for the digits. */
export function orthonormal(rows) {
  const q = [];
  for (const row of rows) {
    const rest = Float64Array.from(row);
    for (const other of [...q, ...q]) add(rest, -dot(other, rest), other);
    q.push(scaled(1 / (norm(rest) || 1), rest));
  }
  return q;
}

/**
 * Singular values and left singular vectors of a small matrix, by Jacobi's method (Hestenes 1958).
 *
 * Pairs of rows are turned in their plane until all rows are orthogonal to each other. Their
 * lengths are then the singular values. It is the eigen-decomposition of the Gram matrix without
 * forming it, so small singular values keep their digits.
 *
 * @returns {{values: number[], vectors: Float64Array[]}} largest first; vectors[k] holds the
 *   weights with which the rows make the k-th turned row.
 */
export function svd(matrix) {
  const rows = matrix.map((row) => Float64Array.from(row));
  const turns = rows.map((_, i) => Float64Array.from(rows, (_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0, turned = true; turned && sweep < 40; sweep++) {
    turned = false;
    for (let i = 0; i < rows.length; i++) {
      for (let j = i + 1; j < rows.length; j++) {
        const [aa, bb] = [dot(rows[i], rows[i]), dot(rows[j], rows[j])];
        const ab = dot(rows[i], rows[j]);
        if (Math.abs(ab) <= 1e-15 * Math.sqrt(aa * bb)) continue;
        turned = true;
        const zeta = (bb - aa) / (2 * ab);
        const tan = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        turn(rows[i], rows[j], tan);
        turn(turns[i], turns[j], tan);
      }
    }
  }
  const sizes = rows.map(norm);
  const order = [...rows.keys()].sort((i, j) => sizes[j] - sizes[i]);
  return { values: order.map((i) => sizes[i]), vectors: order.map((i) => turns[i]) };
}

/** Turn two vectors in their plane, by the angle with this tangent. */
function turn(a, b, tan) {
  const cos = 1 / Math.sqrt(1 + tan * tan);
  const sin = cos * tan;
  for (let k = 0; k < a.length; k++) {
    const [first, second] = [a[k], b[k]];
    a[k] = cos * first - sin * second;
    b[k] = sin * first + cos * second;
  }
}

/** Softmax of logits. */
export function softmax(logits) {
  const top = Math.max(...logits);
  const powers = Float64Array.from(logits, (s) => Math.exp(s - top));
  return scaled(1 / powers.reduce((a, b) => a + b), powers);
}

/** Normal random numbers that are the same on every machine: mulberry32, then Box and Muller. */
export function gaussian(n, seed) {
  let state = (seed + 1) * 0x9e3779b9;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return Float64Array.from({ length: n }, () =>
    Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

/**
 * What a solver for matrices of full rank answers, in single precision: the combination of the
 * columns that is nearest to v, by Householder's reflections and back substitution, every stored
 * number rounded to 32 bits.
 *
 * It asks for independent columns and does not check. Where they are dependent, the last diagonal
 * entry of R is round-off, and so is one direction of the answer.
 */
export function leastSquares32(columns, v) {
  const a = columns.map((column) => Float32Array.from(column));
  const right = Float32Array.from(v);
  const diagonal = [];
  for (let k = 0; k < a.length; k++) {
    const u = a[k].slice(k);
    const length = Math.fround(norm(u));
    diagonal.push(u[0] > 0 ? -length : length);
    u[0] -= diagonal[k];
    const square = dot(u, u);
    if (square === 0) continue;
    for (const other of [...a.slice(k + 1), right]) {
      let inner = 0;
      for (let i = 0; i < u.length; i++) inner += u[i] * other[k + i];
      const factor = Math.fround((2 * inner) / square);
      for (let i = 0; i < u.length; i++) other[k + i] -= factor * u[i];
    }
  }
  const weights = new Float32Array(a.length);
  for (let k = a.length - 1; k >= 0; k--) {
    let rest = right[k];
    for (let j = k + 1; j < a.length; j++) rest -= a[j][k] * weights[j];
    weights[k] = diagonal[k] === 0 ? 0 : rest / diagonal[k];
  }
  const fitted = new Float32Array(v.length);
  columns.forEach((column, k) => add(fitted, weights[k], column));
  return Float64Array.from(fitted);
}
