// Numbers and times for people.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export function count(n) {
  if (n >= 1e7) return tenth.format(n / 1e6) + "M";
  if (n >= 1e5) return tenth.format(n / 1e3) + "k";
  return whole.format(n);
}

export const rate = (n) => (n >= 10 || n === 0 ? count(n) : tenth.format(n));

export function duration(ms) {
  if (ms === undefined || ms === null) return "";
  if (ms < 1) return tenth.format(ms) + " ms";
  if (ms < 1000) return (ms < 10 ? tenth : whole).format(ms) + " ms";
  const s = ms / 1000;
  if (s < 60) return tenth.format(s) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
}

export const clock = (at) => new Date(at).toLocaleTimeString("en-GB", { hour12: false }) + "." + String(new Date(at).getMilliseconds()).padStart(3, "0");

export const plain = (name) => name.replaceAll("_", " ");

// reason says what was wrong at one place, in the operator's words if there are any.
export function reason(r) {
  if (r.say) return r.say;
  let text = "";
  if (r.want) text = "want " + r.want;
  if (r.got) text += (text ? ", " : "") + "got " + r.got;
  return text || r.rule;
}
