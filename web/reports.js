// The reports of the chosen range: each is read again after what it shows has moved, at a pace of
// its own, else now and then.

import { Refused, read } from "./api.js";
import { changedNow, lastEnded, on, state } from "./state.js";

// After a change.
const SOON_MS = 1_500;
// Those that are due within so long are read together.
const TOGETHER_MS = 500;
const IDLE_MS = 60_000;
// History is some seconds behind the stream.
const BUSY_FOR_MS = 6_000;
const LISTED = 30;

export const DAYS = { "1h": 1, "6h": 1, "24h": 1, "7d": 7, "30d": 30 };
const PERIOD = { "1h": "day", "6h": "day", "24h": "day", "7d": "week", "30d": "month" };

const failures = (range, status) =>
  `api/agents/executions?status=${status}&limit=${LISTED}&timeRange=${range}`;

// How long after one read the next may come, and the addresses by the range.
const REPORTS = {
  window: [10_000, (range) => [`api/agents/metrics/current?timeRange=${range}`]],
  timeline: [
    15_000,
    (range) => {
      if (range === "1h") return ["api/agents/executions?limit=500&timeRange=1h"];
      if (range === "30d") return ["api/agents/metrics/daily?days=30"];
      return [`api/agents/metrics/timeline?timeRange=${range}`];
    },
  ],
  types: [15_000, (range) => [`api/agents/types/distribution?timeRange=${range}`]],
  tools: [20_000, (range) => [`api/agents/tools/usage?period=${PERIOD[range]}`]],
  agents: [20_000, (range) => [`api/agents/costs?by=agent&limit=1000&days=${DAYS[range]}`]],
  errors: [10_000, (range) => [failures(range, "failure"), failures(range, "timeout")]],
  sessions: [10_000, (range) => [`api/sessions?limit=${LISTED}&timeRange=${range}`]],
  ended: [10_000, () => [`api/agents/executions?limit=${LISTED}`]],
};
const ALL = Object.keys(REPORTS);
// Those that an end moves. Which ended the stream says by itself, and which of them failed.
export const ENDED = ["window", "timeline", "types", "tools", "agents", "sessions"];

// Of each report: when it was asked for, when it is to be, until when its changes may be missing.
const plan = new Map(ALL.map((name) => [name, { askedAt: -Infinity, dueAt: 0, busyUntil: 0 }]));
let timer = 0;
let running = false;

export function start() {
  on("range", refreshAll);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  refreshAll();
}

// What these reports show has moved.
export function touch(...names) {
  const now = Date.now();
  for (const name of names) {
    const one = plan.get(name);
    one.busyUntil = now + BUSY_FOR_MS;
    one.dueAt = Math.min(one.dueAt, Math.max(now + SOON_MS, one.askedAt + REPORTS[name][0]));
  }
  schedule();
}

// Anything may have.
export const touchAll = () => touch(...ALL);

function refreshAll() {
  for (const one of plan.values()) one.dueAt = 0;
  refresh();
}

function schedule() {
  clearTimeout(timer);
  const dueAt = Math.min(...[...plan.values()].map((one) => one.dueAt));
  timer = setTimeout(refresh, Math.max(0, dueAt - Date.now()));
}

async function refresh() {
  clearTimeout(timer);
  // A hidden page asks nothing; it asks as soon as it is visible.
  if (document.hidden || state.link === "locked" || running) return;
  running = true;
  const { range } = state;
  const now = Date.now();
  const due = ALL.filter((name) => plan.get(name).dueAt <= now + TOGETHER_MS);
  for (const name of due) {
    const one = plan.get(name);
    one.askedAt = now;
    one.dueAt = now + (now < one.busyUntil ? REPORTS[name][0] : IDLE_MS);
  }
  await Promise.all(due.map((name) => load(name, range)));
  running = false;
  if (range !== state.range) return refreshAll();
  schedule();
}

async function load(name, range) {
  const before = state.reports[name];
  const next = { data: before?.data, range: before?.range, failed: null };
  try {
    const answers = await Promise.all(REPORTS[name][1](range).map(read));
    const data = answers.map((answer) => answer.data);
    const isSame = (one, i) => one === [next.data].flat()[i];
    if (next.range === range && data.every(isSame) && !before.failed) return;
    Object.assign(next, { data: data.length === 1 ? data[0] : data, range });
  } catch (error) {
    // The old data stays, and is marked as old.
    next.failed = error instanceof Refused ? error.message : "no answer";
    plan.get(name).dueAt = Date.now() + REPORTS[name][0];
  }
  state.reports[name] = next;
  if (name === "ended" && !next.failed) {
    // What the stream has just shown may be in no answer yet.
    const isNew = (run) => Date.now() - run.seenMs < BUSY_FOR_MS;
    state.ended = lastEnded(next.data.executions, state.ended.filter(isNew));
  }
  changedNow(name);
}
