// The theme lets the keyboard reach blocks of code that scroll sideways, but looks for them only
// when the page is loaded or resized. A block in a fold scrolls from the moment the fold is opened.
document.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")), true);
