// The last five minutes of each route, a point for each look.

const POINTS = 300;
const FLOWS = ["received", "answered", "refused"];

export class History {
  constructor() {
    this.routes = new Map();
  }

  // add notes a snapshot that was taken at a time in milliseconds.
  add(snapshot, at) {
    const there = new Set();
    for (const r of snapshot.routes) {
      there.add(r.name);
      let h = this.routes.get(r.name);
      if (!h) this.routes.set(r.name, (h = { points: [], last: null }));
      h.points.push(point(r, h.last, at));
      if (h.points.length > POINTS) h.points.shift();
      h.last = { at, counters: totals(r) };
    }
    for (const name of this.routes.keys()) if (!there.has(name)) this.routes.delete(name);
  }

  of(name) {
    const h = this.routes.get(name);
    return h ? h.points : [];
  }

  // now returns the newest point of a route, where there are two to tell a rate from.
  now(name) {
    const points = this.of(name);
    return points[points.length - 1] || { received: 0, answered: 0, refused: 0, late: 0, inFlight: 0 };
  }
}

// totals are the counters of a route, those of a relay by the same names: its clients are its requests.
export function totals(r) {
  if (r.relay) {
    const sum = (o) => Object.values(o || {}).reduce((a, b) => a + b, 0);
    return { received: r.relay.accepted, answered: sum(r.relay.ended), refused: sum(r.relay.refused), late: 0, inFlight: r.relay.open || 0, queued: r.relay.waiting || 0, failed: 0, expired: 0, abandoned: 0 };
  }
  const c = r.counters;
  return { received: c.received, answered: c.answered, refused: c.refused, late: c.expired + c.late, inFlight: c.in_flight, queued: c.queued, failed: c.failed, expired: c.expired, abandoned: c.abandoned };
}

function point(r, last, at) {
  const now = totals(r);
  const p = { at, inFlight: now.inFlight, queued: now.queued, p50: r.latency.count ? r.latency.p50_ms : null, p99: r.latency.count ? r.latency.p99_ms : null };
  const seconds = last ? (at - last.at) / 1000 : 0;
  for (const name of [...FLOWS, "late"]) {
    const n = last && seconds > 0 ? now[name] - last.counters[name] : 0;
    p[name] = n > 0 ? n / seconds : 0; // less than before: the gateway has begun anew
  }
  return p;
}
