// The widget manager finds its own files, and the widgets of others, beside require.js.
window.requirejs.config({
  baseUrl: document.currentScript.src.replace(/[^/]*$/, "vendor/widgets/"),
});
