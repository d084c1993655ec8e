// The reports of the chosen range: read again soon after an execution ended, else now and then.

import { Refused, read } from "./api.js";
import { changed, on, state } from "./state.js";

const BUSY_MS = 3_000;
const IDLE_MS = 30_000;
// History is some seconds behind the stream.
const BUSY_FOR_MS = 6_000;
const LISTED = 30;

export const DAYS = { "1h": 1, "6h": 1, "24h": 1, "7d": 7, "30d": 30 };
const PERIOD = { "1h": "day", "6h": "day", "24h": "day", "7d": "week", "30d": "month" };

const failures = (range, status) =>
  `api/agents/executions?status=${status}&limit=${LISTED}&timeRange=${range}`;

// Name: the address of each, by the range.
const REPORTS = {
  window: (range) => [`api/agents/metrics/current?timeRange=${range}`],
  timeline: (range) => {
    if (range === "1h") return ["api/agents/executions?limit=500&timeRange=1h"];
    if (range === "30d") return ["api/agents/metrics/daily?days=30"];
    return [`api/agents/metrics/timeline?timeRange=${range}`];
  },
  types: (range) => [`api/agents/types/distribution?timeRange=${range}`],
  tools: (range) => [`api/agents/tools/usage?period=${PERIOD[range]}`],
  agents: (range) => [`api/agents/costs?by=agent&limit=1000&days=${DAYS[range]}`],
  errors: (range) => [failures(range, "failure"), failures(range, "timeout")],
  sessions: (range) => [`api/sessions?limit=${LISTED}&timeRange=${range}`],
  ended: () => [`api/agents/executions?limit=${LISTED}`],
};

let busyUntil = 0;
let timer = 0;
let dueAt = 0;
let running = false;

export function start() {
  on("range", refresh);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  refresh();
}

// Something ended, or may have.
export function touch() {
  busyUntil = Date.now() + BUSY_FOR_MS;
  schedule(BUSY_MS / 2);
}

function schedule(ms) {
  const at = Date.now() + ms;
  if (timer && dueAt <= at) return;
  clearTimeout(timer);
  dueAt = at;
  timer = setTimeout(refresh, ms);
}

async function refresh() {
  clearTimeout(timer);
  timer = 0;
  // A hidden page asks nothing; it asks as soon as it is visible.
  if (document.hidden || state.link === "locked") return;
  if (running) return schedule(250);
  running = true;
  const range = state.range;
  await Promise.all(Object.keys(REPORTS).map((name) => load(name, range)));
  changed("reports");
  running = false;
  if (range !== state.range) return refresh();
  schedule(Date.now() < busyUntil ? BUSY_MS : IDLE_MS);
}

async function load(name, range) {
  try {
    const answers = await Promise.all(REPORTS[name](range).map(read));
    const data = answers.map((answer) => answer.data);
    state.reports[name] = { data: data.length === 1 ? data[0] : data, range, failed: null };
  } catch (error) {
    // The old data stays, and is marked as old.
    const before = state.reports[name];
    const failed = error instanceof Refused ? error.message : "no answer";
    state.reports[name] = { data: before?.data, range: before?.range, failed };
  }
  if (name === "ended" && !state.reports.ended.failed) {
    state.ended = state.reports.ended.data.executions;
  }
  changed(name);
}
