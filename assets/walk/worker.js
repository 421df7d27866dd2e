// The walk, off the page's own thread. It gets {id, call, …} and answers {id, frames} or {id, error}.

import { Network } from "./network.js";
import { Walk } from "./walk.js";

let network;
let walk;
const calls = {
  load({ manifest, weights }) {
    network = new Network(manifest, weights);
    return [];
  },
  begin(options) {
    walk = new Walk(network, options);
    return [walk.frame()];
  },
  /** As many steps, as long as the walk is not over; one frame each. */
  advance({ count }) {
    const frames = [];
    for (let i = 0; i < count && !walk.reason; i++) {
      walk.advance();
      frames.push(walk.frame());
    }
    return frames;
  },
  place({ multiples }) {
    walk.place(multiples);
    return [walk.frame()];
  },
};

onmessage = ({ data }) => {
  try {
    postMessage({ id: data.id, frames: calls[data.call](data) });
  } catch (error) {
    postMessage({ id: data.id, error: String(error) });
  }
};
