// What can be looked at. Each view is made anew when it is opened: node is what is seen of it, show draws what was told last.

import { el, fill, pill, table } from "./dom.js";
import { part } from "./link.js";
import { Chart } from "./chart.js";
import { Machine } from "./machines.js";
import { totals } from "./history.js";
import { clock, count, duration, plain, rate, reason } from "./words.js";

const button = (text, on, kind) => el("button", { type: "button", class: "small " + (kind || ""), onclick: on, text });

function head(title, text, ...end) {
  return el("div", { class: "head" }, el("div", null, el("h1", { text: title }), el("p", { text })), el("div", { class: "end" }, end));
}

// chooser returns a choice among the routes, which is kept as long as the view is open.
function chooser(label, changed) {
  const select = el("select", { onchange: changed }, el("option", { value: "", text: "all routes" }));
  const node = el("label", { class: "field" }, label, select);
  return {
    node,
    get value() { return select.value; },
    query: () => (select.value ? "&route=" + part(select.value) : ""),
    show(snapshot) {
      const names = snapshot.routes.map((r) => r.name);
      if (select.options.length - 1 === names.length && names.every((n, i) => select.options[i + 1].value === n)) return;
      const was = select.value;
      fill(select, el("option", { value: "", text: "all routes" }), names.map((n) => el("option", { value: n, text: n })));
      select.value = names.includes(was) ? was : "";
    },
  };
}

// --- overview

function overview(tools) {
  const tiles = el("dl", { class: "tiles" }), routes = el("div", { class: "stack" });
  const cards = new Map();
  const node = [head("Overview", "What passes, what is refused, and what waits, second by second."), tiles, routes];
  return {
    title: "Overview",
    node,
    show({ snapshot, history }, now) {
      fill(tiles, sums(snapshot, history));
      const order = snapshot.routes.map((r) => {
        if (!cards.has(r.name)) cards.set(r.name, new RouteCard(r.name, tools));
        const card = cards.get(r.name);
        card.show(r, history.of(r.name), now);
        return card.node;
      });
      for (const name of cards.keys()) if (!snapshot.routes.some((r) => r.name === name)) cards.delete(name);
      if (order.length !== routes.children.length || order.some((n, i) => routes.children[i] !== n)) fill(routes, order);
    },
  };
}

function sums(snapshot, history) {
  const sum = { answered: 0, refused: 0, inFlight: 0, queued: 0, clients: 0, late: 0 };
  let p99 = 0;
  for (const r of snapshot.routes) {
    const now = history.now(r.name);
    sum.answered += now.answered;
    sum.refused += now.refused;
    sum.late += now.late;
    sum.inFlight += now.inFlight;
    sum.queued += now.queued || 0;
    sum.clients += r.clients;
    p99 = Math.max(p99, r.latency.p99_ms || 0);
  }
  const down = snapshot.routes.filter((r) => !(r.backends || []).some((b) => (b.links.ready || 0) + (b.links.carrying || 0) > 0) && !r.relay);
  const tile = (name, value, unit, text, alarm) => el("div", { class: "card tile" + (alarm ? " alarm" : "") }, el("dt", { text: name }), el("dd", null, value, unit && el("small", { text: unit })), el("p", { text }));
  return [
    tile("Answered", rate(sum.answered), "/s", "with the backend's result"),
    tile("Refused", rate(sum.refused), "/s", "with the reasons"),
    tile("In flight", count(sum.inFlight), "", sum.queued ? count(sum.queued) + " more wait for room" : "nobody waits for room"),
    tile("Late", rate(sum.late), "/s", "no answer in time", sum.late > 0),
    tile("99 of 100 within", p99 ? duration(p99).split(" ")[0] : "–", p99 ? duration(p99).split(" ")[1] : "", "on the slowest route, last minute"),
    tile("Clients", count(sum.clients), "", down.length ? `no backend for ${down.map((r) => r.name).join(", ")}` : "every route has a backend", down.length > 0),
  ];
}

class RouteCard {
  constructor(name, tools) {
    this.name = name;
    this.tools = tools;
    this.charts = [
      new Chart("Per second", [{ name: "received", label: "received", colour: "received", area: true }, { name: "answered", label: "answered", colour: "answered", area: true }, { name: "refused", label: "refused", colour: "refused" }, { name: "late", label: "late", colour: "late" }], rate),
      new Chart("In flight", [{ name: "inFlight", label: "at a backend", colour: "answered", area: true }, { name: "queued", label: "waiting", colour: "refused" }], rate),
      new Chart("Latency", [{ name: "p50", label: "half", colour: "answered", area: true }, { name: "p99", label: "99 of 100", colour: "refused" }], duration),
    ];
    this.state = el("span");
    this.about = el("span", { class: "quiet" });
    this.toggle = button("Pause", () => this.turn());
    this.facts = el("div", { class: "facts" });
    this.node = el("section", { class: "card route", "data-route": name, "aria-label": "Route " + name },
      el("header", null, el("h2", { text: name }), this.state, this.about, el("div", { class: "end" }, this.toggle)),
      el("div", { class: "charts" }, this.charts.map((c) => c.node)), this.facts);
  }

  turn() {
    this.tools.change(`routes/${part(this.name)}/${this.paused ? "resume" : "pause"}`);
  }

  show(r, points, now) {
    this.paused = r.paused;
    const links = (r.backends || []).reduce((n, b) => n + (b.links.ready || 0) + (b.links.carrying || 0), 0);
    const [text, kind] = r.paused ? ["paused", "warn"] : r.relay || links > 0 ? ["open", "good"] : ["no backend", "bad"];
    if (this.state.textContent !== text) fill(this.state, pill(text, kind));
    this.about.textContent = [r.relay ? "relay" : r.protocol, r.mode && `results by ${r.mode}`, r.listen].filter(Boolean).join(" · ");
    this.toggle.textContent = r.paused ? "Resume" : "Pause";
    this.toggle.setAttribute("aria-label", `${this.toggle.textContent} route ${this.name}`);
    for (const c of this.charts) c.show(points, now);
    const c = totals(r), trouble = (n) => (n > 0 ? "trouble" : "");
    const fact = (name, value, kind) => el("span", { class: kind || "" }, name + " ", el("b", { text: value }));
    fill(this.facts, fact("clients", count(r.clients)), fact("received", count(c.received)), fact("answered", count(c.answered)), fact("refused", count(c.refused)),
      fact("failed", count(c.failed), trouble(c.failed)), fact("expired", count(c.expired), trouble(c.expired)), fact("abandoned", count(c.abandoned)),
      (r.backends || []).map((b) => fact(b.name, `${(b.links.ready || 0) + (b.links.carrying || 0)} of ${Object.values(b.links).reduce((a, n) => a + n, 0)} connected`, b.circuit === "open" ? "trouble" : "")));
  }
}

// --- requests

function requests(tools) {
  const list = el("div"), choice = chooser("Route", () => tools.refresh?.());
  const find = el("input", { type: "search", id: "find", placeholder: "number of a request", inputmode: "numeric", "aria-label": "Number of a request" });
  const form = el("form", { class: "field", onsubmit: (e) => { e.preventDefault(); if (find.value.trim()) tools.go("#/exchange/" + part(find.value.trim())); } }, find, el("button", { class: "small", text: "Look it up" }));
  return {
    title: "Requests",
    node: [head("Requests", "Those that are not over, the oldest first.", choice.node, form), list],
    async show({ snapshot }) {
      choice.show(snapshot);
      const said = await tools.get("exchanges?limit=200" + choice.query());
      const rows = said.exchanges.map((x) => [el("a", { class: "mono", href: "#/exchange/" + x.id, text: x.id }), x.route, stateOf(x.state), el("span", { text: duration(x.age_ms) }),
        x.link || x.backend || "–", el("span", { class: "mono", text: x.peer }), x.waited ? "told to wait" : ""]);
      fill(list, table(said.truncated ? "The 200 oldest" : "In flight", [{ name: "Request" }, { name: "Route" }, { name: "State" }, { name: "Age", kind: "num" }, { name: "Backend connection" }, { name: "Client" }, { name: "Notice" }], rows,
        "Nothing is open at this moment. What is over can be looked up by its number, which refusals and logs have."));
    },
  };
}

const KINDS = { answered: "good", refused: "warn", expired: "bad", failed: "bad", abandoned: "warn", queued: "warn", waiting: "warn", ready: "good", serving: "good", open: "good", backing_off: "bad" };
const stateOf = (state) => pill(plain(state), KINDS[state] || "");

// --- one request

function exchange(tools, id) {
  const body = el("div");
  return {
    title: "Request " + id,
    node: [head("Request " + id, "Its life, step by step.", el("a", { href: "#/requests", text: "All requests" })), body],
    async show() {
      if (!/^[0-9]+$/.test(id)) {
        fill(body, el("section", { class: "card" }, el("p", { class: "empty", text: "The number of a request is digits, as refusals and logs have it." })));
        return;
      }
      let x;
      try {
        x = await tools.get("exchanges/" + part(id));
      } catch (err) {
        if (err.status !== 404 && err.status !== 400) throw err;
        fill(body, el("section", { class: "card" }, el("p", { class: "empty", text: err.message })));
        return;
      }
      const item = (name, value) => (value ? [el("dt", { text: name }), el("dd", null, value)] : []);
      const steps = [...x.events.map((e) => ({ at: e.at, after: e.after_ms, state: plain(e.state), what: e.what, kind: ["failed", "expired", "refused", "abandoned"].includes(e.state) ? "bad" : "" })),
        ...(x.notices || []).map((n) => ({ at: n.at, after: null, state: "notice: " + n.class, what: n.text, reasons: n.reasons, kind: "note" }))];
      steps.sort((a, b) => a.at.localeCompare(b.at));
      fill(body, el("section", { class: "card" },
        el("h2", { class: "pad" }, stateOf(x.state)),
        el("dl", { class: "list" }, item("Route", x.route), item("Client", el("span", { class: "mono", text: x.peer })), item("Identity", named(x)), item("Backend connection", x.link || x.backend),
          item("Began", clock(x.began)), item(x.over ? "Took" : "So far", duration(x.took_ms))),
        el("ol", { class: "steps" }, steps.map((s) => el("li", { class: s.kind }, el("span", { class: "at" }, clock(s.at)), el("span", { class: "state", text: s.state }),
          el("div", null, el("span", { text: s.what }), s.after ? el("span", { class: "quiet", text: ` after ${duration(s.after)}` }) : null, s.reasons && s.reasons.length ? reasons(s.reasons) : null))))));
    },
  };
}

const reasons = (list, more) => el("ul", { class: "reasons" }, list.map((r) => el("li", null, r.path ? el("code", { class: "path", text: r.path }) : null, r.path ? " " : null, el("span", { text: reason(r) }),
  el("span", { class: "quiet", text: ` (${r.rule}${r.offset !== undefined ? ", byte " + r.offset : ""})` }))), more ? el("li", { class: "quiet", text: `and ${more} more` }) : null);

// named is who a client is, where that is more than its address.
const named = (c) => (c.identity && !c.peer.includes(c.identity) ? el("div", { class: "quiet", text: c.identity }) : null);

// --- refusals

function refusals(tools) {
  const list = el("div"), choice = chooser("Route", () => tools.refresh?.());
  return {
    title: "Refusals",
    node: [head("Refusals", "The last ones, with what their clients were told, and never a value of a message.", choice.node), list],
    async show({ snapshot }) {
      choice.show(snapshot);
      const said = await tools.get("refusals?limit=100" + choice.query());
      const rows = said.refusals.map((r) => [el("a", { class: "mono", href: "#/exchange/" + r.id, text: clock(r.at) }), r.route, pill(r.class, r.class === "denied" ? "bad" : "warn"),
        el("div", { class: "reasons" }, el("span", { text: r.text }), reasons(r.reasons || [], r.more_reasons)), el("div", null, el("div", { class: "mono", text: r.peer }), named(r))]);
      fill(list, table(said.truncated ? "The last 100" : "Refused", [{ name: "Time" }, { name: "Route" }, { name: "Class" }, { name: "Why, and where in the message" }, { name: "Client" }], rows, "Nothing was refused since the gateway was started."));
    },
  };
}

// --- clients

function clients(tools) {
  const list = el("div"), choice = chooser("Route", () => tools.refresh?.());
  return {
    title: "Clients",
    node: [head("Clients", "Who is connected, and what they have open.", choice.node), list],
    async show({ snapshot }) {
      choice.show(snapshot);
      const said = await tools.get("sessions?limit=200" + choice.query());
      const rows = said.sessions.map((s) => [el("div", null, el("div", { class: "mono", text: s.peer }), named(s)), s.route, stateOf(s.state), duration(s.age_ms), count(s.received), count(s.refused), count(s.open),
        button("Kick", () => tools.change(`sessions/${s.id}/kick`), "danger")]);
      fill(list, table(said.truncated ? "The 200 oldest" : "Connected", [{ name: "Client" }, { name: "Route" }, { name: "State" }, { name: "For", kind: "num" }, { name: "Received", kind: "num" }, { name: "Refused", kind: "num" }, { name: "Open", kind: "num" }, { name: "", kind: "do" }], rows, "Nobody is connected."));
    },
  };
}

// --- backends

function backends(tools) {
  const list = el("div");
  const act = (b, verb) => button(verb[0].toUpperCase() + verb.slice(1), () => tools.change(`backends/${part(b.route)}/${part(b.name)}/${verb}`), verb === "disable" ? "danger" : "");
  return {
    title: "Backends",
    node: [head("Backends", "What stands behind the routes. A backend that is drained gets no new requests; one that is disabled is left at once."), list],
    async show() {
      const said = await tools.get("backends");
      const rows = said.backends.map((b) => [el("div", null, el("div", { text: b.name }), b.address && b.address !== b.name ? el("div", { class: "mono quiet", text: b.address }) : null), b.route,
        el("div", { class: "reasons" }, b.admin !== "enabled" ? pill(b.admin, "warn") : null, Object.entries(b.links).filter(([, n]) => n > 0).map(([state, n]) => el("div", null, stateOf(state), ` ${count(n)}`))),
        pill(b.circuit, b.circuit === "closed" ? "good" : "bad"), count(b.tx), count(b.rx), count(b.pending), count(b.expired), count(b.lost), el("span", { class: "quiet", text: b.last_error || "" }),
        el("span", null, b.admin === "enabled" ? [act(b, "drain"), " ", act(b, "disable")] : act(b, "enable"))]);
      fill(list, table("Backends", [{ name: "Backend" }, { name: "Route" }, { name: "Connections" }, { name: "Circuit" }, { name: "Sent", kind: "num" }, { name: "Results", kind: "num" }, { name: "Pending", kind: "num" }, { name: "Expired", kind: "num" }, { name: "Lost", kind: "num" }, { name: "Last trouble" }, { name: "", kind: "do" }], rows, "There is none."));
    },
  };
}

// --- machines

function machines(tools) {
  const list = el("div", { class: "stack" }), choice = chooser("Route", () => tools.refresh?.());
  let drawn = null;
  return {
    title: "Machines",
    node: [head("Machines", "The tables that run, with how many are in each state now.", choice.node), list],
    show({ snapshot, machines }) {
      choice.show(snapshot);
      if (!machines) return;
      if (!drawn) {
        drawn = ["exchange", "session", "backend"].filter((name) => machines[name]).map((name) => [name, new Machine(name, machines[name])]);
        fill(list, drawn.map(([, m]) => m.node));
      }
      for (const [name, m] of drawn) {
        const sum = {};
        for (const r of snapshot.routes) {
          if (choice.value && choice.value !== r.name) continue;
          for (const [state, n] of Object.entries(r.states[name] || {})) sum[state] = (sum[state] || 0) + n;
        }
        m.show(sum);
      }
    },
  };
}

export const views = [
  { name: "overview", title: "Overview", make: overview },
  { name: "requests", title: "Requests", make: requests },
  { name: "refusals", title: "Refusals", make: refusals },
  { name: "clients", title: "Clients", make: clients },
  { name: "backends", title: "Backends", make: backends },
  { name: "machines", title: "Machines", make: machines },
  { name: "exchange", title: "Request", make: exchange, hidden: true },
];
