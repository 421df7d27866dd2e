// Puts the walk in the places of a page that ask for it: <div class="leaf-walk" data-form="full">.
// What such a place holds before, a picture and a table, stays if the walk cannot be shown.

import { mount } from "./view.js";

const folder = new URL("./data/", import.meta.url);
let files;

/** The network and the digits, fetched once for a page; the browser keeps them for the others. */
function load() {
  const get = async (name, as) => {
    const answer = await fetch(new URL(name, folder));
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer[as]();
  };
  files ??= Promise.all([
    get("network.json", "json"), get("network.bin", "arrayBuffer"),
    get("digits.json", "json"), get("digits.bin", "arrayBuffer"),
  ]);
  return files;
}

async function show(place) {
  const [manifest, weights, digits, pixels] = await load();
  const live = document.createElement("div");
  await mount(live, {
    form: place.dataset.form, address: place.dataset.form === "full", autoplay: true,
    manifest, weights, digits, pixels,
  });
  place.replaceChildren(live);
  place.dataset.ready = "";
}

// Only when it is nearly in sight: the first page should not wait for it.
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    show(target).catch((error) => {
      const note = target.querySelector(".leaf-walk-why");
      if (note) note.textContent = `The live version could not start (${error.message}).`;
    });
  }
}, { rootMargin: "300px" });
document.querySelectorAll(".leaf-walk").forEach((place) => observer.observe(place));
