// A small sequential network: its logits, and their derivatives by reverse passes.
//
// helpers.browser.export_network writes the two files that describe it: a manifest, which lists
// the layers, and the weights, 32-bit floats one after the other in the order of the layers. A
// manifest names no positions: each layer takes as many weights as its shape needs.

const LAYERS = { Linear, Conv2d, AvgPool2d, ReLU, Flatten };

export class Network {
  /**
   * @param manifest {format, name, input: [channels, height, width], classes, layers}
   * @param {ArrayBuffer} buffer the weights, little-endian.
   */
  constructor(manifest, buffer) {
    if (manifest.format !== "course-network-1") throw new Error("unknown network format");
    const weights = new Float32Array(buffer);
    let used = 0;
    const take = (n) => Float64Array.from(weights.subarray(used, (used += n)));
    let shape = manifest.input;
    this.layers = manifest.layers.map((layer) => {
      if (!(layer.type in LAYERS)) throw new Error(`unknown layer ${layer.type}`);
      const made = LAYERS[layer.type](layer, shape, take);
      shape = made.shape ?? shape;
      return made;
    });
    if (used !== weights.length) throw new Error(`${weights.length} weights, ${used} used`);
    this.input = manifest.input;
    this.size = manifest.input.reduce((a, b) => a * b);
    this.classes = shape[0];
  }

  /** The values after every layer; the first are the input, the last the logits. */
  #run(x) {
    const values = [x];
    for (const layer of this.layers) values.push(layer.forward(values.at(-1)));
    return values;
  }

  logits(x) {
    return this.#run(x).at(-1);
  }

  /** The logits and their Jacobian J = ∂s/∂x, one row for each class. */
  jacobian(x) {
    const values = this.#run(x);
    const logits = values.at(-1);
    const n = logits.length;
    let gradient = new Float64Array(n * n);
    for (let k = 0; k < n; k++) gradient[k * n + k] = 1;
    for (let i = this.layers.length - 1; i >= 0; i--) {
      gradient = this.layers[i].backward(gradient, n, values[i]);
    }
    const rows = [...logits.keys()].map((k) => {
      const row = new Float64Array(x.length);
      for (let i = 0; i < row.length; i++) row[i] = gradient[i * n + k];
      return row;
    });
    return { logits, rows };
  }
}

// Each layer has a forward pass and a reverse pass: from derivatives in its output (and from its
// input, where that matters) to derivatives in its input. The reverse passes of all classes go
// together: m numbers for the first entry, m for the second, and so on.

/** to += by · from, for the m numbers that begin at these places. */
function addTo(to, at, by, from, start, m) {
  for (let k = 0; k < m; k++) to[at + k] += by * from[start + k];
}

/** Whether the m numbers from a place on are all 0, as behind a unit that is off. */
function isOff(g, at, m) {
  for (let k = 0; k < m; k++) if (g[at + k] !== 0) return false;
  return true;
}

function Linear({ out }, shape, take) {
  const n = shape.reduce((a, b) => a * b);
  const weight = take(out * n);
  const bias = take(out);
  return {
    shape: [out],
    forward(x) {
      const y = Float64Array.from(bias);
      for (let o = 0; o < out; o++) {
        for (let i = 0, w = o * n; i < n; i++) y[o] += weight[w + i] * x[i];
      }
      return y;
    },
    backward(g, m) {
      const d = new Float64Array(n * m);
      for (let o = 0; o < out; o++) {
        if (isOff(g, o * m, m)) continue;
        for (let i = 0; i < n; i++) addTo(d, i * m, weight[o * n + i], g, o * m, m);
      }
      return d;
    },
  };
}

function Conv2d({ out, kernel, stride = 1, padding = 0 }, [channels, height, width], take) {
  const weight = take(out * channels * kernel * kernel);
  const bias = take(out);
  const rows = Math.floor((height + 2 * padding - kernel) / stride) + 1;
  const columns = Math.floor((width + 2 * padding - kernel) / stride) + 1;
  // The input gets its border of zeros first, so that the loops below need no case.
  const tall = height + 2 * padding;
  const wide = width + 2 * padding;
  const inside = (c, r) => (c * tall + r + padding) * wide + padding;

  const patch = channels * kernel * kernel;
  // Where the inputs of a window lie, counted from its first.
  const places = Int32Array.from({ length: patch }, (_, w) => {
    const [c, rest] = [Math.floor(w / (kernel * kernel)), w % (kernel * kernel)];
    return (c * tall + Math.floor(rest / kernel)) * wide + (rest % kernel);
  });
  return {
    shape: [out, rows, columns],
    forward(x) {
      const padded = new Float64Array(channels * tall * wide);
      for (let c = 0; c < channels; c++) {
        for (let r = 0; r < height; r++) {
          const from = (c * height + r) * width;
          padded.set(x.subarray(from, from + width), inside(c, r));
        }
      }
      const y = new Float64Array(out * rows * columns);
      for (let at = 0; at < y.length; at++) {
        const o = Math.floor(at / (rows * columns));
        const corner = (Math.floor(at / columns) % rows) * stride * wide + (at % columns) * stride;
        let sum = bias[o];
        for (let w = 0; w < patch; w++) sum += weight[o * patch + w] * padded[corner + places[w]];
        y[at] = sum;
      }
      return y;
    },
    backward(g, m) {
      const padded = new Float64Array(channels * tall * wide * m);
      for (let at = 0; at < out * rows * columns; at++) {
        if (isOff(g, at * m, m)) continue;
        const from = Math.floor(at / (rows * columns)) * patch;
        const corner = (Math.floor(at / columns) % rows) * stride * wide + (at % columns) * stride;
        for (let w = 0; w < patch; w++) {
          addTo(padded, (corner + places[w]) * m, weight[from + w], g, at * m, m);
        }
      }
      const d = new Float64Array(channels * height * width * m);
      for (let c = 0; c < channels; c++) {
        for (let r = 0; r < height; r++) {
          const from = inside(c, r) * m;
          d.set(padded.subarray(from, from + width * m), (c * height + r) * width * m);
        }
      }
      return d;
    },
  };
}

function AvgPool2d({ kernel }, [channels, height, width]) {
  const rows = Math.floor(height / kernel);
  const columns = Math.floor(width / kernel);
  const size = kernel * kernel;
  /** Visit each pair of an output and an input of its window. */
  function each(visit) {
    for (let c = 0, at = 0; c < channels; c++) {
      for (let r = 0; r < rows; r++) {
        for (let k = 0; k < columns; k++, at++) {
          for (let i = 0; i < kernel; i++) {
            const from = (c * height + r * kernel + i) * width + k * kernel;
            for (let j = 0; j < kernel; j++) visit(at, from + j);
          }
        }
      }
    }
  }
  return {
    shape: [channels, rows, columns],
    forward(x) {
      const y = new Float64Array(channels * rows * columns);
      each((to, from) => { y[to] += x[from] / size; });
      return y;
    },
    backward(g, m) {
      const d = new Float64Array(channels * height * width * m);
      each((to, from) => addTo(d, from * m, 1 / size, g, to * m, m));
      return d;
    },
  };
}

function ReLU() {
  return {
    forward: (x) => x.map((value) => (value > 0 ? value : 0)),
    backward(g, m, x) {
      const d = Float64Array.from(g);
      for (let i = 0; i < x.length; i++) if (!(x[i] > 0)) d.fill(0, i * m, (i + 1) * m);
      return d;
    },
  };
}

function Flatten(_, shape) {
  return { shape: [shape.reduce((a, b) => a * b)], forward: (x) => x, backward: (g) => g };
}
