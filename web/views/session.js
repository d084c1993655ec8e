// One session: its figures, its waterfall, who spent what. Its address opens it.

import { read } from "../api.js";
import { $, bar, h, quiet, text } from "../dom.js";
import { clockSpan, count, dollars, moment, short } from "../format.js";
import { closes, frame, whyNot } from "../sheet.js";
import { on, serverNow, state } from "../state.js";
import { spent } from "./sessions.js";
import { grow, waterfall } from "./waterfall.js";

const LIVE_MS = 2_000;
const IDLE_MS = 15_000;
const SOON_MS = 300;
// What has just ended is in no answer until the history has it.
const UNFLUSHED_MS = 6_000;
const NAMES = 6;

const sheet = $("#session");
let detail = null;
// The answer that is drawn.
let drawn = null;
let isFirst = true;
let timer = 0;
// By id: the last answer that had an execution.
let seenAt = new Map();

export function start() {
  on("session", open);
  closes(sheet, "session");
  on("active", () => touches(state.active.values()) && schedule(SOON_MS));
  on("ended", () => touches(state.ended.slice(0, 1)) && schedule(SOON_MS));
  on("tick", tick);
  open();
}

const touches = (runs) => [...runs].some((run) => run.session_id === state.session);

function open() {
  clearTimeout(timer);
  timer = 0;
  detail = drawn = null;
  isFirst = true;
  seenAt = new Map();
  if (!state.session) return sheet.open && sheet.close();
  fillSheet(quiet("Loading…"));
  if (!sheet.open) sheet.showModal();
  load();
}

// The earliest of all that is asked for counts.
let dueAt = 0;
function schedule(ms) {
  const at = Date.now() + ms;
  if (!state.session || (timer && dueAt <= at)) return;
  clearTimeout(timer);
  dueAt = at;
  timer = setTimeout(load, ms);
}

async function load() {
  timer = 0;
  const id = state.session;
  if (!id) return;
  if (document.hidden) return schedule(LIVE_MS);
  try {
    const { data } = await read(`api/sessions/${encodeURIComponent(id)}`);
    if (id !== state.session) return;
    const executions = withUnflushed(data.executions);
    const counts = [detail?.executions, data.executions].map((list) => list?.length);
    const isDrawn = data === drawn && counts.every((count) => count === executions.length);
    detail = { ...data, executions };
    drawn = data;
    if (!isDrawn) show();
  } catch (error) {
    if (id !== state.session) return;
    if (!detail) fillSheet(whyNot(error));
  }
  schedule(detail?.running ? LIVE_MS : IDLE_MS);
}

// An execution that ran in the last answer and is not in this one has just ended: it stays where
// it was, until the history has it.
function withUnflushed(executions) {
  const now = Date.now();
  const ids = new Set(executions.map((run) => run.agent_id));
  for (const id of ids) seenAt.set(id, now);
  const all = [...executions];
  let at = -1;
  for (const before of detail?.executions ?? []) {
    const id = before.agent_id;
    if (ids.has(id)) {
      at = all.findIndex((run) => run.agent_id === id);
    } else if (now - seenAt.get(id) < UNFLUSHED_MS) {
      at += 1;
      all.splice(at, 0, { ...before, ...lastKnown(id) });
      schedule(LIVE_MS);
    }
  }
  return all;
}

// What the stream said of its end.
function lastKnown(id) {
  const ended = state.ended.find((run) => run.agent_id === id);
  if (!ended) return {};
  const { status, execution_end, duration_ms, token_usage, error_details, tool_calls } = ended;
  return { status, execution_end, duration_ms, token_usage, error_details, tool_calls };
}

const fillSheet = (...content) =>
  frame(sheet, ["Session ", h("code", null, state.session)], ...content);

// The client's own total: a check of ours.
function said({ is_equal, cost }) {
  if (!is_equal) {
    const title = "agentpulse verify claude-code explains the difference";
    return h("span", { title }, dollars(cost));
  }
  const title = `${dollars(cost)} and the same tokens`;
  return h("span", { class: "status success", title }, "verified");
}

function show() {
  const { status, executions, omitted } = detail;
  const { tokens, cost } = spent(detail);
  const figure = (title, value, name) =>
    h("div", null, h("dt", null, title), h("dd", { class: "num", "data-figure": name }, value));
  const priced = detail.unpriced_count ? " +" : "";
  const [agents, models] = [names(detail.by_agent, "agent_name"), names(detail.by_model, "model")];
  // The sums by name have only what has ended.
  const of = detail.running ? "Ended, cost by" : "Cost by";
  fillSheet(
    h(
      "dl",
      { class: "figures" },
      figure("Status", h("span", { class: `status ${status}` }, status)),
      figure("Started", moment(detail.started_at)),
      figure("Lasted", lasted(), "lasted"),
      figure("Turns", count(detail.turns)),
      figure("Agent runs", count(detail.agent_runs)),
      figure("Failed", count(detail.failures)),
      figure(detail.running ? "Tokens so far" : "Tokens", short(tokens)),
      figure(detail.running ? "Cost so far" : "Cost", `${dollars(cost)}${priced}`),
      detail.client && figure("Client’s total", said(detail.client), "client"),
    ),
    waterfall(executions),
    omitted > 0 && quiet(`and ${count(omitted)} older ones`),
    agents &&
      h(
        "div",
        { class: "halves" },
        h("section", null, h("h3", null, `${of} agent`), agents),
        h("section", null, h("h3", null, `${of} model`), models),
      ),
  );
  // From here the arrows go from row to row.
  if (isFirst) $("[data-row]", sheet)?.focus({ preventScroll: true });
  isFirst = false;
}

function lasted() {
  const end = detail.ended_at ? Date.parse(detail.ended_at) : serverNow();
  return detail.started_at ? clockSpan(end - Date.parse(detail.started_at)) : "–";
}

// What has ended, the most costly first.
function names(rows, field) {
  if (!rows.length) return null;
  const all = rows.reduce((sum, row) => sum + row.estimated_cost, 0);
  return h(
    "ul",
    { class: "bars line" },
    rows
      .slice(0, NAMES)
      .map((row) =>
        h(
          "li",
          null,
          h("span", { class: "name" }, row[field] ?? "unknown"),
          bar(all ? row.estimated_cost / all : 0),
          h("span", { class: "num", title: `${count(row.total_tokens)} tokens` }, [
            row.total_tokens || row.estimated_cost ? dollars(row.estimated_cost) : "–",
          ]),
        ),
      ),
  );
}

function tick() {
  if (!sheet.open || document.hidden || !detail?.running || state.link === "offline") return;
  const figure = $("[data-figure=lasted]", sheet);
  if (figure) text(figure, lasted());
  grow($(".waterfall", sheet), detail.executions);
}
