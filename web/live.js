// The current state: by the stream, and by polling while there is none.

import { Refused, answeredAt, openStream, read } from "./api.js";
import { ENDED, touch, touchAll } from "./reports.js";
import { changed, lastEnded, state } from "./state.js";

const POLL_MS = 2_000;
// While the stream runs, a small read still shows which view answers.
const SMALL = "api/agents/metrics/timeline?timeRange=1h";
const HEARTBEAT_MS = 5_000;
const BACKOFF_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000];
const PING_MS = 25_000;
const SILENT_MS = 40_000;

let socket = null;
let seq = 0;
let heardAt = 0;
let failures = 0;
let reconnect = 0;
let pollTimer = 0;
let pollFailures = 0;
let polling = false;

export function start() {
  connect();
  poll();
  setInterval(watch, 5_000);
  addEventListener("online", retry);
  document.addEventListener("visibilitychange", () => document.hidden || retry());
}

// At once, whatever the backoff says.
export function retry() {
  failures = pollFailures = 0;
  if (state.link === "locked") state.link = "loading";
  if (!socket) connect();
  poll();
}

function connect() {
  clearTimeout(reconnect);
  try {
    socket = openStream();
  } catch {
    return lost();
  }
  const own = socket;
  own.onmessage = (event) => own === socket && take(JSON.parse(event.data));
  own.onclose = () => own === socket && lost();
}

function lost() {
  socket = null;
  seq = 0;
  if (state.link === "locked") return;
  if (state.link === "live") setLink("polling");
  const wait = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)];
  reconnect = setTimeout(connect, wait * (0.8 + Math.random() * 0.4));
  schedulePoll(0);
}

// A connection can die without a word: the daemon answers our pings.
function watch() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const silent = Date.now() - heardAt;
  if (silent > SILENT_MS) drop();
  else if (silent > PING_MS) socket.send('{"type":"ping"}');
}

function drop() {
  const old = socket;
  lost();
  old?.close();
}

function take(message) {
  heardAt = Date.now();
  if (message.type === "snapshot" || message.type === "resync") {
    seq = message.seq;
    failures = 0;
    setTotals(message.data);
    setActive(message.active);
    setLink("live");
    touchAll();
    changed("definitions");
  } else if (message.type === "changes") {
    // A gap: only a new snapshot can go on.
    if (message.seq !== seq + 1) return drop();
    seq = message.seq;
    const ended = [];
    for (const element of message.data) apply(element, ended);
    if (ended.length) addEnded(ended);
  }
}

function apply(element, ended) {
  switch (element.kind) {
    case "started":
      // One that had timed out may run again.
      state.ended = state.ended.filter((run) => run.agent_id !== element.execution.agent_id);
    // falls through
    case "progress":
      measureClock(element.execution);
      state.active.set(element.execution.agent_id, element.execution);
      return changed("active");
    case "stopped":
    case "corrected":
      state.active.delete(element.execution.agent_id);
      ended.push(element.execution);
      return changed("active");
    case "totals":
      return setTotals(element.data);
    case "alert":
      return changed("alert");
    case "definition":
    case "definitions_skipped":
      return changed("definitions");
  }
}

function addEnded(executions) {
  for (const run of executions) run.seenMs = heardAt;
  state.ended = lastEnded(state.ended, executions);
  touch(...ENDED);
  if (executions.some(({ status }) => status !== "success")) touch("errors");
  changed("ended");
}

function setTotals(totals) {
  if (state.totals && totals.executions_today !== state.totals.executions_today) {
    if (state.link === "live") touch(...ENDED);
    else touchAll();
  }
  state.totals = totals;
  changed("totals");
}

function setActive(list) {
  if (list.length) measureClock(list[list.length - 1]);
  state.active = new Map(list.map((execution) => [execution.agent_id, execution]));
  changed("active");
}

// The daemon sends how long an execution has run by its clock, so elapsed times are right even
// if the clock of this machine is not.
function measureClock({ start_time, duration_so_far_ms }) {
  if (duration_so_far_ms > 0) {
    state.skewMs = Date.now() - (Date.parse(start_time) + duration_so_far_ms);
  }
}

function schedulePoll(ms) {
  clearTimeout(pollTimer);
  pollTimer = setTimeout(poll, ms);
}

async function poll() {
  if (polling) return;
  polling = true;
  try {
    const live = state.link === "live";
    const [current, active] = await Promise.all([
      read(live ? SMALL : "api/agents/metrics/current"),
      live ? null : read("api/agents/active"),
    ]);
    pollFailures = 0;
    setSource(current.source);
    // The stream may have come meanwhile, and is newer; or it has gone, and all is asked for.
    if (live) {
      if (state.link === "polling") return schedulePoll(0);
    } else if (state.link !== "live") {
      setTotals(current.data);
      if (active) setActive(active.data.active);
      setLink("polling");
    }
    schedulePoll(state.link === "live" ? HEARTBEAT_MS : POLL_MS);
  } catch (error) {
    failed(error);
  } finally {
    polling = false;
  }
}

function failed(error) {
  if (error instanceof Refused && [401, 403].includes(error.status)) {
    // Nothing more is tried until there is another key.
    clearTimeout(reconnect);
    setLink("locked");
    return changed("locked");
  }
  const wait = BACKOFF_MS[Math.min(pollFailures++, BACKOFF_MS.length - 1)];
  state.retryAt = Date.now() + wait;
  // A stream that speaks is a better witness than one read that failed.
  if (state.link !== "live") setLink("offline");
  schedulePoll(wait);
}

function setLink(link) {
  // A report may be shown before the stream or a poll has answered.
  state.silentSince = link === "offline" ? state.silentSince || answeredAt() : Date.now();
  if (state.link !== link && (link === "live" || link === "polling")) touchAll();
  state.link = link;
  changed("link");
}

function setSource(source) {
  if (state.source !== source) {
    state.source = source;
    changed("link");
  }
}
