// A chart of lines over the last five minutes.

import { el, svg } from "./dom.js";
import { clock } from "./words.js";

const LEAST = 60 * 1000, MOST = 5 * 60 * 1000; // of the time that is seen
const WIDTH = 600, HEIGHT = 150, TOP = 14, BOTTOM = 18, LEFT = 0;

// nice returns a round number that is not less than n, and that can be halved.
export function nice(n) {
  if (n <= 2) return 2;
  const unit = 10 ** Math.floor(Math.log10(n));
  for (const step of [1, 2, 4, 6, 10]) if (n <= step * unit) return step * unit;
  return 10 * unit;
}

// Chart draws series {name, label, area} of points that have a value, or null, by each name.
export class Chart {
  constructor(title, series, format) {
    this.title = title;
    this.series = series;
    this.format = format;
    this.keys = series.map((s) => el("b"));
    this.draw = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", preserveAspectRatio: "none" });
    this.node = el("figure", { class: "chart" },
      el("h3", { text: title }), el("p", { class: "keys" }, series.map((s, i) => el("span", { class: "key c-" + s.colour }, s.label + " ", this.keys[i]))), this.draw);
    this.node.addEventListener("pointermove", (e) => this.point(e));
    this.node.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.size()).observe(this.draw);
    this.width = WIDTH;
    this.points = [];
  }

  size() {
    const width = Math.round(this.draw.clientWidth);
    if (width > 0 && width !== this.width) {
      this.width = width;
      this.draw.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
      this.show(this.points, this.now);
    }
  }

  show(points, now) {
    this.points = points;
    this.now = now;
    this.span = Math.min(MOST, Math.max(LEAST, now - (points[0] ? points[0].at : now)));
    const begin = now - this.span;
    const seen = points.filter((p) => p.at >= begin);
    let most = 0;
    for (const p of seen) for (const s of this.series) if (p[s.name] !== null) most = Math.max(most, p[s.name]);
    this.most = nice(most);
    this.x = (at) => LEFT + ((at - begin) / this.span) * (this.width - LEFT);
    this.y = (v) => TOP + (1 - v / this.most) * (HEIGHT - TOP - BOTTOM);
    const last = seen[seen.length - 1];
    this.series.forEach((s, i) => {
      this.keys[i].textContent = last && last[s.name] !== null ? this.format(last[s.name]) : "–";
    });
    this.draw.replaceChildren(...this.grid(), ...this.series.flatMap((s) => this.lines(s, seen)));
    this.draw.setAttribute("aria-label", `${this.title}, up to the last five minutes, at most ${this.format(this.most)}: ` +
      this.series.map((s, i) => `${s.label} ${this.keys[i].textContent}`).join(", "));
    this.draw.dataset.points = seen.length;
    if (this.hover !== undefined) this.cross();
  }

  grid() {
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      const y = this.y(share * this.most);
      parts.push(svg("line", { class: "grid", x1: LEFT, x2: this.width, y1: y, y2: y }));
      if (share > 0) parts.push(svg("text", { class: "axis", x: LEFT, y: y - 3, text: this.format(share * this.most) }));
    }
    const step = this.span > 3 * LEAST ? 2 * LEAST : this.span > 1.5 * LEAST ? LEAST : LEAST / 3;
    for (let back = step; back < 0.95 * this.span; back += step) {
      const text = step < LEAST ? `−${back / 1000} s` : `−${back / LEAST} min`;
      parts.push(svg("text", { class: "axis", x: this.x(this.now - back), y: HEIGHT - 3, "text-anchor": "middle", text }));
    }
    parts.push(svg("text", { class: "axis", x: this.width, y: HEIGHT - 3, "text-anchor": "end", text: "now" }));
    return parts;
  }

  lines(s, seen) {
    let d = "", open = false, first = 0, last = 0;
    const parts = [];
    if (!s.area && seen.every((p) => !p[s.name])) return parts; // what never happened is no line
    for (const p of seen) {
      const v = p[s.name];
      if (v === null) {
        open = false;
        continue;
      }
      last = this.x(p.at);
      if (!open) first = last;
      d += `${open ? "L" : "M"}${last.toFixed(1)} ${this.y(v).toFixed(1)}`;
      open = true;
    }
    if (d === "") return parts;
    if (s.area && !d.slice(1).includes("M")) parts.push(svg("path", { class: "f-" + s.colour, d: `${d}L${last.toFixed(1)} ${this.y(0)}L${first.toFixed(1)} ${this.y(0)}Z` }));
    parts.push(svg("path", { class: "series s-" + s.colour, d }));
    return parts;
  }

  point(e) {
    if (!e) {
      this.hover = undefined;
      this.tip?.remove();
      return;
    }
    const box = this.draw.getBoundingClientRect();
    this.hover = (e.clientX - box.left) / box.width;
    this.cross();
  }

  // cross shows the values at the pointer.
  cross() {
    this.tip?.remove();
    if (this.points.length === 0) return;
    const at = this.now - (1 - this.hover) * this.span;
    const p = this.points.reduce((best, p) => (Math.abs(p.at - at) < Math.abs(best.at - at) ? p : best));
    const x = this.x(p.at);
    if (x < LEFT) return;
    const texts = [clock(p.at).slice(0, 8), ...this.series.map((s) => `${s.label} ${p[s.name] === null ? "–" : this.format(p[s.name])}`)];
    const width = Math.max(...texts.map((t) => t.length)) * 7 + 16, left = x + width + 12 > this.width ? x - width - 8 : x + 8;
    this.tip = svg("g", { "aria-hidden": "true" }, svg("line", { class: "cross", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM }),
      svg("rect", { class: "tip", x: left, y: TOP, width, height: texts.length * 17 + 10, rx: 8 }),
      texts.map((text, i) => svg("text", { class: "tiptext", x: left + 8, y: TOP + 19 + i * 17, text })));
    this.draw.append(this.tip);
  }
}
