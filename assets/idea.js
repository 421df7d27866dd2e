// The living idea of the first screen: three units cut a plane into regions; the reader moves the
// point and the walls. The network has three units beside a linear term; in pixels of the picture:
//
//     f(x) = slope·x + Σ_k out_k relu(n_k·x − c_k),    p(first class) = 1 / (1 + exp(−(f + shift) / scale))
//
// The wall k is the line n_k·x = c_k. In a region the gradient of f is constant: the leaf of x is
// the straight line along it, as far as the walls; its fibre is the level line of f, which bends at
// a wall and goes on. `scripts/draw_idea.py` lets this script draw the still picture, too.

{
  const WIDTH = 720, HEIGHT = 440, ROUND = 2 * (WIDTH + HEIGHT);
  const SLOPE = [0.55, 0.38], OUT = [0.9, -0.85, 0.8], SCALE = 70, BEGINNING = 0.4; // f at first, / scale
  // The ends of each wall as places on the frame: the way from the upper left corner, clockwise.
  const START = { ends: [[90, 1460], [505, 1250], [790, 1700]], point: [318, 168] };
  const LEAF_GAP = 26, LEVEL_STEP = 26, PACE = 2.4, MARGIN = 6;

  const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
  const go = (p, d, t) => [p[0] + t * d[0], p[1] + t * d[1]];
  const unit = (d) => go([0, 0], d, 1 / (Math.hypot(...d) || 1));
  const turn = (d) => [-d[1], d[0]];
  const within = (v, low, high) => Math.min(high, Math.max(low, v));
  const inFrame = ([u, v], margin) =>
    [within(u, margin, WIDTH - margin), within(v, margin, HEIGHT - margin)];

  /** The point at a place on the frame. */
  function onFrame(place) {
    const t = ((place % ROUND) + ROUND) % ROUND;
    if (t < WIDTH) return [t, 0];
    if (t < WIDTH + HEIGHT) return [WIDTH, t - WIDTH];
    if (t < 2 * WIDTH + HEIGHT) return [2 * WIDTH + HEIGHT - t, HEIGHT];
    return [0, ROUND - t];
  }

  /** The place on the frame that is nearest to a point. */
  function toFrame(point) {
    const [u, v] = inFrame(point, 0);
    const far = [v, WIDTH - u, HEIGHT - v, u];
    return [u, WIDTH + v, 2 * WIDTH + HEIGHT - u, ROUND - v][far.indexOf(Math.min(...far))];
  }

  /** The network whose walls end at these places. */
  function network(ends) {
    const walls = ends.map((pair) => {
      const [a, b] = pair.map(onFrame), normal = turn(unit(go(b, a, -1)));
      return { a, b, normal, offset: dot(normal, a) };
    });
    const height = (wall, p) => dot(wall.normal, p) - wall.offset;
    const pattern = (p) => walls.map((wall) => height(wall, p) > 0);
    const gradient = (active) =>
      walls.reduce((g, wall, k) => (active[k] ? go(g, wall.normal, OUT[k]) : g), SLOPE);
    const value = (p) =>
      walls.reduce((sum, wall, k) => sum + OUT[k] * Math.max(0, height(wall, p)), dot(SLOPE, p));
    return { walls, height, pattern, gradient, value };
  }

  /** The part of a convex polygon where sign · (n·p − c) ≥ 0. */
  function clip(polygon, { normal, offset }, sign) {
    const kept = [];
    polygon.forEach((p, i) => {
      const q = polygon[(i + 1) % polygon.length];
      const f = sign * (dot(normal, p) - offset), g = sign * (dot(normal, q) - offset);
      if (f >= 0) kept.push(p);
      if (f * g < 0) kept.push(go(p, go(q, p, -1), f / (f - g)));
    });
    return kept;
  }

  /** The area of a polygon. */
  const area = (polygon) => Math.abs(polygon.reduce((sum, p, i) =>
    sum + dot(p, turn(polygon[(i + 1) % polygon.length])), 0)) / 2;

  /** The regions of the picture: each with its polygon, its pattern of active units, its gradient. */
  function regions(net) {
    let found = [{ polygon: [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], active: [] }];
    for (const wall of net.walls) {
      found = found.flatMap(({ polygon, active }) => [true, false].map((on) =>
        ({ polygon: clip(polygon, wall, on ? 1 : -1), active: [...active, on] })));
      found = found.filter(({ polygon }) => area(polygon) > 0.01);
    }
    return found.map((region) => ({ ...region, gradient: net.gradient(region.active) }));
  }

  /** The two ends of the line p + t d inside a convex polygon (clockwise on the screen), or null. */
  function chord(polygon, p, d) {
    let low = -Infinity, high = Infinity;
    polygon.forEach((a, i) => {
      const inwards = turn(go(polygon[(i + 1) % polygon.length], a, -1));
      const room = dot(inwards, go(p, a, -1)), speed = dot(inwards, d);
      if (Math.abs(speed) < 1e-9) high = room < 0 ? -Infinity : high;
      else if (speed > 0) low = Math.max(low, -room / speed);
      else high = Math.min(high, -room / speed);
    });
    return low < high ? [go(p, d, low), go(p, d, high)] : null;
  }

  const digits = (p) => p.map((v) => v.toFixed(1)).join(" ");
  const words = ([u, v]) => `${Math.round(u)} across, ${Math.round(v)} down`;
  const stroke = (pieces) => pieces.map((ends) => `M${ends.map(digits).join("L")}`).join("");

  /** Parallel lines through a region, `gap` apart; one of them would meet p. */
  function stripes(polygon, p, direction, gap) {
    const across = turn(direction), far = polygon.map((q) => dot(across, go(q, p, -1)) / gap);
    const pieces = [];
    for (let k = Math.ceil(Math.min(...far)); k <= Math.max(...far); k++) {
      pieces.push(chord(polygon, go(p, across, k * gap), direction));
    }
    return pieces.filter(Boolean);
  }

  /** All lines of the picture: leaves and fibres everywhere, those of x, and the region of x. */
  function lines(net, x) {
    const home = String(net.pattern(x)), level = net.value(x);
    const drawn = { leaves: [], fibres: [], leaf: [], fibre: [], region: [] };
    const found = regions(net);
    for (const { polygon, active, gradient } of found) {
      const steep = Math.hypot(...gradient);
      if (String(active) === home) drawn.region = polygon;
      if (steep < 1e-6) continue; // nothing changes here: every point is its own leaf
      const along = unit(gradient), across = turn(along);
      // f is affine here, and continuous: from any corner one knows where it has the level of x.
      const on = go(polygon[0], along, (level - net.value(polygon[0])) / steep);
      drawn.leaves.push(...stripes(polygon, x, along, LEAF_GAP));
      drawn.fibres.push(...stripes(polygon, on, across, LEVEL_STEP / steep));
      drawn.fibre.push(chord(polygon, on, across));
      if (String(active) === home) drawn.leaf.push(chord(polygon, x, along));
    }
    drawn.leaf = drawn.leaf.filter(Boolean);
    drawn.fibre = drawn.fibre.filter(Boolean);
    return { ...drawn, count: found.length };
  }

  /** Where a name beside a line has most air: far from the frame, x, the walls and `others`. */
  function airiest(name, pieces, net, x, others) {
    const { width, height } = name.getBBox(), half = [width / 2 + 6, height / 2 + 4];
    const reach = (normal) => half[0] * Math.abs(normal[0]) + half[1] * Math.abs(normal[1]);
    const room = (p) => Math.min(
      p[0] - half[0], WIDTH - half[0] - p[0], p[1] - half[1], HEIGHT - half[1] - p[1],
      Math.hypot(...go(p, x, -1)) - 60,
      ...net.walls.map((wall) => Math.abs(net.height(wall, p)) - reach(wall.normal)),
      ...others.map(([a, b]) => {
        const normal = turn(unit(go(b, a, -1)));
        return Math.abs(dot(normal, go(p, a, -1))) - reach(normal);
      }),
    );
    const spots = pieces.flatMap(([a, b]) => [0.2, 0.35, 0.5, 0.65, 0.8].flatMap((t) => {
      const normal = turn(unit(go(b, a, -1))), q = go(a, go(b, a, -1), t);
      return [1, -1].map((side) => go(q, normal, side * (reach(normal) + 6)));
    }));
    return spots.reduce((best, p) => (room(p) > room(best) ? p : best), spots[0] || [-99, -99]);
  }

  /** One step from x along its fibre, from wall to wall: behind a wall the level line has turned. */
  function stepOnFibre(net, x, way) {
    const active = net.pattern(x);
    let at = x, left = PACE, crossed = null;
    while (left > 0) {
      const gradient = net.gradient(active);
      if (Math.hypot(...gradient) < 1e-6) return null;
      const d = go([0, 0], turn(unit(gradient)), way);
      let far = left, next = null;
      net.walls.forEach((wall, k) => {
        const t = -net.height(wall, at) / dot(wall.normal, d);
        if (k !== crossed && t > 0 && t < far) [far, next] = [t, k];
      });
      at = go(at, d, far);
      left -= far;
      if (next === null) break;
      active[next] = !active[next];
      crossed = next;
    }
    return at;
  }

  /** One step from x along its leaf or fibre, or null where the leaf, or the picture, ends. */
  function step(net, x, kind, way) {
    const to = kind === "leaf"
      ? go(x, unit(net.gradient(net.pattern(x))), way * PACE) : stepOnFibre(net, x, way);
    if (!to || String(inFrame(to, MARGIN)) !== String(to)) return null;
    return kind === "fibre" || String(net.pattern(to)) === String(net.pattern(x)) ? to : null;
  }

  /** Bring the picture to life. */
  function enliven(figure) {
    const svg = figure.querySelector("svg"), part = (name) => svg.querySelector(`.${name}`);
    const [walls, grips] = ["wall", "grip"].map((name) => [...svg.querySelectorAll(`.${name}`)]);
    const knobs = [...svg.querySelectorAll(".knob")], point = part("point");
    const says = figure.querySelector(".says"), bar = figure.querySelector(".chance");
    let { ends, point: x } = structuredClone(START);
    const shift = BEGINNING * SCALE - network(ends).value(x);
    let net, count, chance;

    function draw() {
      net = network(ends);
      const drawn = lines(net, x);
      ({ count } = drawn);
      chance = 1 / (1 + Math.exp(-(net.value(x) + shift) / SCALE));
      for (const name of ["leaves", "fibres", "leaf", "fibre"]) part(name).setAttribute("d", stroke(drawn[name]));
      part("region").setAttribute("d", `${stroke([drawn.region])}Z`);
      const [one, other] = ["leaf-name", "fibre-name"].map(part);
      const where = place(one, airiest(one, drawn.leaf, net, x, drawn.fibre));
      place(other, airiest(other, drawn.fibre, net, where, drawn.leaf));
      net.walls.forEach(({ a, b }, k) => {
        for (const line of [walls[k], grips[k]]) line.setAttribute("d", stroke([[a, b]]));
      });
      knobs.forEach((knob, k) => {
        const at = ends[k >> 1][k % 2];
        knob.setAttribute("transform", `translate(${digits(onFrame(at))})`);
        knob.setAttribute("aria-valuenow", Math.round(at));
        knob.setAttribute("aria-valuetext", words(onFrame(at)));
      });
      point.setAttribute("transform", `translate(${digits(x)})`);
      point.setAttribute("aria-valuenow", chance.toFixed(2));
      point.setAttribute("aria-valuetext", `${words(x)}; first class ${chance.toFixed(2)}`);
      bar?.style.setProperty("--p", chance.toFixed(3));
      if (bar) bar.querySelector("b").textContent = chance.toFixed(2);
    }
    const place = (name, [u, v]) => {
      name.setAttribute("x", u.toFixed(1));
      name.setAttribute("y", v.toFixed(1));
      return [u, v];
    };
    let walking = 0; // the number of the last walk: a hand that moves something ends it
    const say = () => {
      if (says) says.textContent = `Probability of the first class: ${chance.toFixed(2)}; ${count} regions.`;
    };

    // Everything moves by the pointer and by arrow keys.
    function grab(target, move) {
      const where = ({ clientX, clientY }) => {
        const { x: u, y: v } = new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
        return inFrame([u, v], 0);
      };
      let last = null;
      target.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        walking++;
        target.setPointerCapture(event.pointerId);
        target.focus?.({ preventScroll: true });
        last = where(event);
      });
      target.addEventListener("pointermove", (event) => {
        if (!last) return;
        const now = where(event);
        move(now, go(now, last, -1));
        last = now;
        draw();
      });
      for (const kind of ["pointerup", "pointercancel"]) {
        target.addEventListener(kind, () => {
          if (last) say();
          last = null;
        });
      }
    }
    function arrows(target, move) {
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      target.addEventListener("keydown", (event) => {
        const way = ways[event.key];
        if (!way) return;
        event.preventDefault();
        walking++;
        move(way.map((v) => v * (event.shiftKey ? 2 : 8)));
        draw(); // and the slider says its own value
      });
    }
    grab(point, (now) => { x = inFrame(now, MARGIN); });
    arrows(point, (by) => { x = inFrame(go(x, by, 1), MARGIN); });
    knobs.forEach((knob, k) => {
      grab(knob, (now) => { ends[k >> 1][k % 2] = toFrame(now); });
      arrows(knob, (by) => { ends[k >> 1][k % 2] = toFrame(go(onFrame(ends[k >> 1][k % 2]), by, 1)); });
    });
    grips.forEach((grip, k) => {
      grab(grip, (now, by) => { ends[k] = ends[k].map((at) => toFrame(go(onFrame(at), by, 1))); });
    });

    // Two buttons walk, to one end of the line and then to the other; the third puts all back.
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const ways = { leaf: 1, fibre: 1 };
    function walk(kind) {
      const mine = ++walking;
      let left = 1000; // a fibre can be a closed line
      const take = () => {
        const to = left-- > 0 && step(net, x, kind, ways[kind]);
        if (to) x = to;
        return Boolean(to);
      };
      const on = () => {
        if (mine !== walking) return;
        let going = take();
        while (going && still.matches) going = take();
        draw();
        if (going) return void requestAnimationFrame(on);
        ways[kind] *= -1;
        say();
      };
      if (!step(net, x, kind, ways[kind])) ways[kind] *= -1;
      on();
    }
    for (const button of figure.querySelectorAll("[data-along]")) {
      button.addEventListener("click", () => walk(button.dataset.along));
    }
    figure.querySelector("[data-again]")?.addEventListener("click", () => {
      walking++;
      ({ ends, point: x } = structuredClone(START));
      draw();
      say();
    });
    for (const slider of [...knobs, point]) {
      slider.setAttribute("role", "slider");
      slider.setAttribute("tabindex", 0);
    }
    draw();
    figure.classList.add("live");
  }

  document.querySelectorAll("figure.idea").forEach(enliven);
}
