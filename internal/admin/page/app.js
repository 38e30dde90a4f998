// The page of a gateway: it looks once a second, and draws what it is told.

import { el, fill } from "./dom.js";
import { get, post, setToken, takeToken, token } from "./link.js";
import { History } from "./history.js";
import { duration } from "./words.js";
import { views } from "./views.js";

const LOOK = 1000;
const $ = (id) => document.getElementById(id);

const state = { history: new History(), snapshot: null, status: null, machines: null, misses: 0, failed: null };
let shown = null; // {name, view, argument}

// --- which view

function wanted() {
  const [, name, argument] = location.hash.split("/");
  const known = views.some((v) => v.name === name) ? name : "overview";
  return { name: known, argument: argument ? decodeURIComponent(argument) : "" };
}

function open() {
  const { name, argument } = wanted();
  const view = views.find((v) => v.name === name).make(tools, argument);
  shown = { name, view, argument };
  fill($("main"), view.node);
  for (const link of $("views").children) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view.title} · sallyport`;
  refresh();
}

async function refresh() {
  if (!shown || !state.snapshot) return;
  const view = shown.view;
  try {
    await view.show(state, Date.now());
    state.failed = null;
  } catch (err) {
    if (view === shown.view) state.failed = err.message;
  }
}

// --- what changes something

async function change(path, body) {
  try {
    const said = await post(path, body);
    toast(said.done || "Done.");
  } catch (err) {
    if (err.status === 401 || (err.status === 403 && !token())) {
      toast(err.message);
      askToken();
    } else {
      toast(err.message);
    }
  }
  await look();
}

const tools = { get, change, refresh, go: (hash) => (location.hash = hash) };

let fading = 0;
function toast(text) {
  const node = $("toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (node.hidden = true), 6000);
}

function askToken() {
  $("token-value").value = "";
  if (!$("token").open) $("token").showModal();
}

// --- looking

async function look() {
  try {
    const [snapshot, status] = await Promise.all([get("snapshot"), get("status")]);
    if (state.status && state.status.started !== status.started) state.history = new History(); // another process
    state.history.add(snapshot, Date.now());
    Object.assign(state, { snapshot, status, misses: 0 });
    if (!state.machines) state.machines = await get("machines");
    await refresh();
    say(null);
  } catch (err) {
    state.misses++;
    say(err);
  }
}

function say(err) {
  const health = $("health"), gone = $("gone");
  let kind = "good", text = "live", trouble = state.failed;
  if (err && err.status === 401) {
    [kind, text, trouble] = ["warn", "locked", err.message];
    if (state.misses === 1) askToken();
  } else if (err) {
    [kind, text, trouble] = ["bad", "gone", "The gateway does not answer. What you see is what it said last; this page goes on by itself when it is back."];
  } else if (state.status.draining) {
    [kind, text] = ["warn", "draining"];
  } else if (state.snapshot.routes.some((r) => r.paused)) {
    [kind, text] = ["warn", "paused"];
  }
  if (health.textContent !== text) {
    health.className = "pill " + kind;
    health.textContent = text;
  }
  gone.hidden = !trouble;
  if (trouble && gone.textContent !== trouble) gone.textContent = trouble;
  if (!state.status) return;
  const s = state.status;
  let about = `sallyport ${s.version}, up for ${duration(s.uptime_ms)}`;
  if (s.config.file) about += `, configuration ${s.config.file}`;
  if (s.config.reloads) about += `, reloaded ${s.config.reloads} times`;
  if (s.config.last_error) about += `; the last reload was refused: ${s.config.last_error}`;
  $("about").textContent = about;
}

// --- theme, keys

function theme(is) {
  document.documentElement.dataset.theme = is;
}
const dark = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => localStorage.getItem("sallyport-theme") || (dark.matches ? "dark" : "light");
dark.addEventListener("change", () => theme(chosen()));

function turnTheme() {
  localStorage.setItem("sallyport-theme", chosen() === "dark" ? "light" : "dark");
  theme(chosen());
}

const keys = [
  ...views.filter((v) => !v.hidden).map((v, i) => [String(i + 1), v.title, () => (location.hash = "#/" + v.name)]),
  ["/", "Look a request up", () => { location.hash = "#/requests"; setTimeout(() => $("find")?.focus(), 0); }],
  ["t", "Light or dark", turnTheme],
  ["?", "These keys", () => $("keys").showModal()],
];

function pressed(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog")) return;
  const key = keys.find(([k]) => k === e.key);
  if (key) {
    e.preventDefault();
    key[2]();
  }
}

function begin() {
  takeToken();
  theme(chosen());
  fill($("views"), views.filter((v) => !v.hidden).map((v) => el("a", { href: "#/" + v.name, "data-view": v.name, text: v.title })));
  fill($("keys-list"), keys.map(([k, what]) => [el("dt", null, el("kbd", { text: k })), el("dd", { text: what })]).flat());
  $("theme").addEventListener("click", turnTheme);
  $("help").addEventListener("click", () => $("keys").showModal());
  $("unlock").addEventListener("click", askToken);
  $("token").addEventListener("close", () => {
    if ($("token").returnValue === "use") {
      setToken($("token-value").value.trim());
      look();
    }
    $("token-value").value = "";
  });
  addEventListener("hashchange", () => { open(); $("main").focus({ preventScroll: true }); scrollTo(0, 0); });
  addEventListener("keydown", pressed);
  open();
  (async function turn() {
    await look();
    setTimeout(turn, document.hidden ? 5 * LOOK : LOOK);
  })();
}

begin();
