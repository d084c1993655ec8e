// The state of the page, and the listeners of its parts. Views read; live.js, reports.js
// and the route write.

export const RANGES = ["1h", "6h", "24h", "7d", "30d"];
// The other parts of the address: what is open.
const PARTS = ["agent", "session", "run", "view", "definition"];

export const state = {
  range: "24h",
  agent: null, // whose performance is shown
  session: null, // which session is open
  run: null, // which execution is open
  view: null, // definitions or network
  definition: null, // which definition is open
  totals: null, // the answer of /metrics/current
  active: new Map(), // by id
  ended: [], // newest first
  alerts: null, // null while the daemon has no alerts
  budgets: {}, // of a day: daily_tokens, daily_cost
  reports: {}, // name: {data, range, failed}
  link: "loading", // live, polling, offline
  silentSince: 0, // when the last answer came, while offline
  retryAt: 0,
  source: "live", // or history
  skewMs: 0, // this clock minus the daemon's
};

// Changes come one by one, and are shown together, with the times that tick: each frame costs as
// much as many changes, and a reader sees no more than one a second.
const SHOWN_EVERY_MS = 750;
const TICK_MS = 1_000;

const listeners = new Map();
const pending = new Set();
let shownAt = -Infinity;
let timer = 0;
let tick = 0;

export function on(topics, listener) {
  for (const topic of topics.split(" ")) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic).add(listener);
  }
}

// Listeners are called within a frame, however often a topic changed; those of "tick" in each, and
// once a second. A hidden page gets no frames, and needs none.
export function changed(...topics) {
  for (const topic of topics) pending.add(topic);
  const wait = Math.max(0, shownAt + SHOWN_EVERY_MS - performance.now());
  timer ||= setTimeout(requestAnimationFrame, wait, notify);
}

// What the reader does is shown at once, and so is what was read for it.
export function changedNow(...topics) {
  for (const topic of topics) pending.add(topic);
  requestAnimationFrame(notify);
}

function notify() {
  clearTimeout(timer);
  timer = 0;
  shownAt = performance.now();
  clearTimeout(tick);
  tick = setTimeout(changed, TICK_MS);
  pending.add("tick");
  const called = new Set();
  for (const topic of pending)
    for (const listener of listeners.get(topic) ?? []) called.add(listener);
  pending.clear();
  for (const listener of called) listener();
}

const MAX_ENDED = 50;

// The last executions of two lists; of one that is in both the second list's counts. All ends are
// written alike, so their text is in order.
export function lastEnded(known, newer) {
  const all = new Map([...known, ...newer].map((run) => [run.agent_id, run]));
  const end = (run) => run.execution_end;
  return [...all.values()]
    .sort((a, b) => (end(a) < end(b) ? 1 : end(a) > end(b) ? -1 : 0))
    .slice(0, MAX_ENDED);
}

export const serverNow = () => Date.now() - state.skewMs;

// The route stands behind the hash, so that a link opens what its sender saw.
export function readRoute() {
  const route = new URLSearchParams(location.hash.slice(1));
  const range = route.get("range");
  const next = { range: RANGES.includes(range) ? range : "24h" };
  for (const part of PARTS) next[part] = route.get(part);
  const moved = Object.keys(next).filter((name) => state[name] !== next[name]);
  Object.assign(state, next);
  if (moved.length) changedNow(...moved);
}

export function href(change) {
  const to = { ...state, ...change };
  const route = new URLSearchParams();
  if (to.range !== "24h") route.set("range", to.range);
  for (const part of PARTS) if (to[part]) route.set(part, to[part]);
  return `#${route}`;
}

export function go(change, { replace = false } = {}) {
  const to = location.pathname + location.search + href(change);
  history[replace ? "replaceState" : "pushState"](null, "", to);
  readRoute();
}
