// The three machines, drawn: their tables come from the gateway, the places of their states are chosen here.

import { el, svg } from "./dom.js";
import { count, plain } from "./words.js";

const W = 124, H = 56;

// Columns and rows of states, so that a life goes from left to right.
const PLACES = {
  session: { greeting: [0, 1], serving: [1, 1], carrying: [2, 0], draining: [2, 2], closed: [3, 1] },
  exchange: {
    received: [0, 1.5], verified: [1, 1.5], queued: [2, 0.5], forwarded: [3, 1.5], waiting: [4, 0.5], answering: [4, 2.5],
    refused: [1, 3.5], answered: [5, 0], expired: [5, 1.17], failed: [5, 2.33], abandoned: [5, 3.5],
  },
  backend: { idle: [0, 1], dialing: [1, 1], signing_on: [2, 1], ready: [3, 1], carrying: [4, 0], draining: [4, 2], backing_off: [2, 2.4], closed: [5, 1] },
};
const ENDS = new Set(["closed", "answered", "refused", "expired", "failed", "abandoned"]);
const STEP_X = 192, STEP_Y = 88;
const TITLES = { session: "A client's connection", exchange: "A request", backend: "A backend connection" };

export class Machine {
  constructor(name, table) {
    this.counts = new Map();
    this.nodes = new Map();
    const places = place(name, table.states);
    const all = [...places.values()];
    const width = Math.max(...all.map((p) => p.x)) + W + 20, height = Math.max(...all.map((p) => p.y)) + H + 26;
    const marker = "tip-" + name;
    const merged = merge(table.transitions);
    const arrows = merged.map((t) => arrow(t, places, marker, merged.some((o) => o.from === t.to && o.to === t.from)));
    const nodes = table.states.map((state) => this.state(state, places.get(state)));
    this.draw = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": TITLES[name] || name },
      svg("defs", null, svg("marker", { id: marker, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, svg("path", { class: "tipmark", d: "M0 0L8 4L0 8z" }))),
      arrows.map((a) => a.path), nodes, arrows.map((a) => a.label));
    this.node = el("section", { class: "card machine scroll", tabindex: "0", role: "region", "aria-label": TITLES[name] || name },
      el("h2", { class: "pad", text: TITLES[name] || name }), el("div", { class: "pad" }, this.draw));
  }

  state(state, p) {
    const number = svg("text", { class: "count", x: p.x + W / 2, y: p.y + 25, text: "0" });
    this.counts.set(state, number);
    const node = svg("g", { class: "node" + (ENDS.has(state) ? " end" : ""), "data-state": state }, svg("rect", { x: p.x, y: p.y, width: W, height: H, rx: 13 }), number,
      svg("text", { x: p.x + W / 2, y: p.y + (ENDS.has(state) ? 33 : 45), text: plain(state) }));
    this.nodes.set(state, node);
    return node;
  }

  show(states) {
    for (const [state, node] of this.counts) {
      const n = states[state] || 0;
      node.textContent = ENDS.has(state) ? "" : count(n); // who has ended is not there any more
      this.nodes.get(state).classList.toggle("on", n > 0);
    }
  }
}

// place gives every state its place, those that this page has not heard of in a row below.
function place(name, states) {
  const known = PLACES[name] || {}, places = new Map();
  let extra = 0;
  const lowest = Math.max(0, ...Object.values(known).map((p) => p[1])) + 1;
  for (const state of states) {
    const [column, row] = known[state] || [extra++, lowest];
    places.set(state, { x: 10 + column * STEP_X, y: 12 + row * STEP_Y });
  }
  return places;
}

// merge makes one arrow of those between the same two states.
function merge(transitions) {
  const by = new Map();
  for (const t of transitions) {
    if (t.from === t.to) continue;
    const key = t.from + " " + t.to;
    if (by.has(key)) by.get(key).event += ", " + t.event;
    else by.set(key, { ...t });
  }
  return [...by.values()];
}

// arrow returns a path from one state to the other, and what makes it happen.
function arrow(t, places, marker, both) {
  const a = places.get(t.from), b = places.get(t.to);
  const from = { x: a.x + W / 2, y: a.y + H / 2 }, to = { x: b.x + W / 2, y: b.y + H / 2 };
  const start = edge(from, to), end = edge(to, from);
  const dx = end.x - start.x, dy = end.y - start.y, length = Math.hypot(dx, dy) || 1;
  const bend = both ? 0.45 : length > 1.3 * STEP_X ? 0.16 : 0.07; // a long one goes round what may stand between
  const mid = { x: (start.x + end.x) / 2 - dy * bend, y: (start.y + end.y) / 2 + dx * bend };
  const label = { x: (start.x + end.x + 2 * mid.x) / 4, y: (start.y + end.y + 2 * mid.y) / 4 + 4 };
  return {
    path: svg("path", { class: "arrow", d: `M${start.x} ${start.y}Q${mid.x} ${mid.y} ${end.x} ${end.y}`, "marker-end": `url(#${marker})` }),
    label: ENDS.has(t.to) || length < 40 ? null : // an end is called as what leads to it
      svg("text", { class: "edge", x: label.x, y: label.y, text: plain(t.event) }),
  };
}

// edge is where the line from the middle of one state towards another leaves it.
function edge(p, towards) {
  const dx = towards.x - p.x, dy = towards.y - p.y;
  const scale = Math.min(dx ? (W / 2 + 3) / Math.abs(dx) : Infinity, dy ? (H / 2 + 3) / Math.abs(dy) : Infinity);
  return { x: p.x + dx * scale, y: p.y + dy * scale };
}
