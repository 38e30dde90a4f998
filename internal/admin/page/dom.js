// What is shown is text, wherever it came from: nothing here makes markup out of a string.

const SVG = "http://www.w3.org/2000/svg";

// put sets what an element is: properties by "on...", class, text, and attributes otherwise; then its children.
function put(node, is, children) {
  for (const [name, value] of Object.entries(is || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

export const el = (tag, is, ...children) => put(document.createElement(tag), is, children);
export const svg = (tag, is, ...children) => put(document.createElementNS(SVG, tag), is, children);

export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

// table returns a table of rows, each a list of what stands in its cells; columns are {name, kind}, where kind is a class.
export function table(caption, columns, rows, nothing) {
  if (rows.length === 0) {
    return el("section", { class: "card" }, el("p", { class: "empty", text: nothing }));
  }
  const body = rows.map((cells) => el("tr", null, cells.map((cell, i) => el("td", { class: columns[i].kind }, cell))));
  return el("section", { class: "card scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", null, el("caption", { text: caption }),
      el("thead", null, el("tr", null, columns.map((c) => el("th", { class: c.kind, scope: "col" }, c.name || el("span", { class: "hidden", text: "What can be done" }))))),
      el("tbody", null, body)));
}

export const pill = (text, kind) => el("span", { class: "pill " + (kind || ""), text });
