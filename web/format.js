// Numbers for display. An unknown value is a dash, never a zero.

const WHOLE = new Intl.NumberFormat("en");
const CENTS = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const NONE = "–";
const pad = (n) => String(n).padStart(2, "0");

export const count = (n) => (n === null || n === undefined ? NONE : WHOLE.format(n));

// 950, 47.5 k, 4.75 M
export function short(n) {
  if (n === null || n === undefined) return NONE;
  for (const [size, unit] of [
    [1e18, "E"],
    [1e15, "P"],
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]) {
    if (n >= size * 0.9995) return `${(n / size).toPrecision(3)} ${unit}`;
  }
  return count(n);
}

export function dollars(n) {
  if (n === null || n === undefined) return NONE;
  if (n !== 0 && n < 0.01) return `$${n.toFixed(4)}`;
  return `$${CENTS.format(n)}`;
}

export function percent(share, of = 1) {
  if (!of || share === null || share === undefined) return NONE;
  const value = share * 100;
  return `${value === 100 ? "100" : value.toFixed(1)} %`;
}

// 840 ms, 2.3 s, 47 s, 4m 07s, 1h 04m, 2d 03h
export function span(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  return clockSpan(ms);
}

// The same in whole seconds, for what ticks.
export function clockSpan(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${pad(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${pad(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86_400)}d ${pad(Math.floor(s / 3600) % 24)}h`;
}

// An average: 0 where no duration was known.
export const mean = (ms) => span(ms || null);

const sameDay = (a, b) => a.toDateString() === b.toDateString();

// The reader's own time; the date only where it is not today.
export function moment(time) {
  if (!time) return NONE;
  const at = new Date(time);
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  if (sameDay(at, new Date())) return clock;
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock}`;
}

export function hourMinute(time) {
  const at = new Date(time);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

// 12 s ago, 39 min ago, 3 h ago, 2 d ago
export function ago(time, nowMs) {
  const s = Math.round((nowMs - Date.parse(time)) / 1000);
  if (s < 2) return "now";
  const [size, unit] =
    s < 60 ? [1, "s"] : s < 3_600 ? [60, "min"] : s < 86_400 ? [3_600, "h"] : [86_400, "d"];
  return `${Math.floor(s / size)} ${unit} ago`;
}
