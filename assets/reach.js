// Let the keyboard reach formulas and tables that are wider than the column and scroll sideways.
function reach() {
  for (const place of document.querySelectorAll("div.math, .pst-scrollable-table-container")) {
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  }
}
let resized;
window.addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(reach, 200);
});
reach();
