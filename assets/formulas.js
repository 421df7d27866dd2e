// Typesets a formula when the reader comes near it, a few at a time, and loads MathJax when the
// first one is near. A chapter has hundreds: all at once they would block a phone for seconds.
// Sphinx puts this script on the pages with formulas, with the settings of MathJax before it.

const MATHJAX = new URL("vendor/mathjax/startup.js", document.currentScript.src);
const waiting = new Set(document.querySelectorAll(".math"));
const near = new Set();
let loading = null;
let working = null;

/** Load MathJax, after the text of the page has been painted. */
async function load() {
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await new Promise((done, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src: MATHJAX, onload: done, onerror: failed });
    document.head.append(script);
  });
  await MathJax.startup.promise;
}

const WIDE = 'mjx-container[display="true"], .pst-scrollable-table-container';

/** Let the keyboard reach long formulas, and tables with formulas, that scroll sideways. */
function reach() {
  for (const place of document.querySelectorAll(WIDE)) {
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  }
}
let resized;
window.addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(reach, 200);
});

// A link into a page ends at its place, although what stands before it changes its height, until
// the reader moves by hand.
let byHand = false;
for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) {
  window.addEventListener(name, () => { byHand = true; }, { passive: true });
}
window.addEventListener("hashchange", () => { byHand = false; });

function stay() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (place && !byHand) place.scrollIntoView({ behavior: "instant" });
}

/** Typeset what is near, in portions, with time for the reader's own actions between them. */
async function work() {
  await (loading ??= load());
  while (near.size) {
    const portion = [...near].slice(0, 8);
    for (const place of portion) {
      near.delete(place);
      waiting.delete(place);
    }
    await MathJax.typesetPromise(portion);
    stay();
    await new Promise((done) => setTimeout(done));
  }
  reach();
  working = null;
}

function typeset(places) {
  for (const place of places) {
    if (waiting.has(place)) near.add(place);
  }
  if (near.size) working ??= work();
  return working;
}

const observer = new IntersectionObserver(
  (entries) => {
    const seen = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
    seen.forEach((place) => observer.unobserve(place));
    typeset(seen);
  },
  { rootMargin: "1200px" },
);
waiting.forEach((place) => observer.observe(place));

// Before printing there is no time to wait. Scripts that print or test the page ask for the promise.
window.addEventListener("beforeprint", () => window.MathJax?.typeset?.([...waiting]));
window.typesetAll = () => typeset([...waiting]);
