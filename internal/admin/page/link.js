// The gateway's API. Who may change something has a token, which stays in this tab.

const KEY = "sallyport-token";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// takeToken takes the token out of the address, where "sallyport demo" puts it, so that it is not kept in a history.
export function takeToken() {
  const match = /^#token=([^/]+)$/.exec(location.hash);
  if (match) {
    setToken(decodeURIComponent(match[1]));
    history.replaceState(null, "", location.pathname + "#/overview");
  }
}

export const token = () => sessionStorage.getItem(KEY) || "";

export function setToken(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
}

async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (token()) headers.Authorization = "Bearer " + token();
  if (method === "POST") headers["Content-Type"] = "application/json";
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 8000);
  try {
    const answer = await fetch("/v1/" + path, { method, headers, signal: stop.signal, cache: "no-store", body: method === "POST" ? JSON.stringify(body || {}) : undefined });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(answer.status, said.error || answer.statusText);
    return said;
  } finally {
    clearTimeout(timer);
  }
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const part = (text) => encodeURIComponent(text);
