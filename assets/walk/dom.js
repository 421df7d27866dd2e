// Small pieces of a page.

/** An element with attributes (functions are listeners) and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** An element of a drawing, with attributes; put into a parent and given a text, if there are any. */
export function svg(tag, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

let groups = 0;

/** A group of radio buttons, drawn as chips, or as what `draw` makes of a value and its text. */
export function choice(legend, options, chosen, change, draw) {
  const name = `lw-${groups++}`;
  const inputs = {};
  const element = h("fieldset", { class: `lw-choice ${draw ? "lw-thumbs" : ""}` }, h("legend", {}, legend));
  const row = h("div", {});
  for (const [value, text] of Object.entries(options)) {
    const input = h("input", { type: "radio", name, value, change: () => change(value) });
    const face = draw ? draw(value, text) : h("span", {}, text);
    const wide = value === "draw" ? " lw-wide" : "";
    row.append(h("label", { class: (draw ? "lw-thumb" : "lw-chip") + wide }, input, face));
    inputs[value] = input;
  }
  element.append(row);
  const select = (value) => Object.entries(inputs).forEach(([v, input]) => { input.checked = v === value; });
  select(chosen);
  return { element, inputs, select };
}
