// The running agents, oldest first, with their children below them.

import { $, bar, body, fill, h, list, note, quiet, rows, text } from "../dom.js";
import { clockSpan, count, dollars, moment, short } from "../format.js";
import { href, on, serverNow, state } from "../state.js";
import { runLink } from "./runs.js";

// More rows than a person reads; the rest is counted.
const MAX_ROWS = 100;
const MAX_DEPTH = 6;
// Near its deadline: the last quarter of its timeout, at most the last two minutes.
const NEAR_SHARE = 0.25;
const NEAR_MS = 120_000;

export function start() {
  on("active link range agent", show);
  on("totals", showNote);
  on("tick", tick);
}

function show() {
  showNote();
  if (state.link === "loading") return;
  const found = tree();
  if (!found.length) return fill(body("running"), quiet(...nothing()));
  // Of very many the daemon lists the oldest, and counts all.
  const all = Math.max(found.length, state.totals?.active_agents ?? 0);
  const hidden = all - Math.min(found.length, MAX_ROWS);
  const table = list("running", () =>
    h("div", { class: "table running", role: "table", "aria-label": "Agents that run now" }),
  );
  const shown = found
    .slice(0, MAX_ROWS)
    .map((one) => [`run ${one.run.agent_id}`, said(one), () => row(one)]);
  rows(table, [["head", "", head], ...shown]);
  rest(table, hidden > 0 ? `and ${hidden} more` : "");
  tick();
}

// Below the table, how many are not in it.
function rest(table, words) {
  if (!table.nextSibling) table.after(quiet());
  table.nextSibling.hidden = !words;
  text(table.nextSibling, words);
}

const head = () =>
  h(
    "div",
    { class: "tr head", role: "row" },
    ["Agent", "Tool", "Progress", "Tokens", "Elapsed", "Last seen"].map((name) =>
      h("span", { role: "columnheader" }, name),
    ),
  );

// All of a row but its times, which tick by themselves.
const said = ({ run, depth }) =>
  JSON.stringify([
    href({ run: run.agent_id }),
    depth,
    run.agent_name,
    run.agent_type,
    run.parent_agent_id,
    run.task_description,
    run.current_tool,
    run.progress,
    run.token_usage,
  ]);

function nothing() {
  const before = state.totals?.executions_today || state.ended.length;
  if (before) return ["Nothing runs now."];
  return [
    "No agent has reported yet. Connect yours with ",
    h("code", null, "agentpulse hooks install claude-code"),
    ", or try a day of sample traffic with ",
    h("code", null, "agentpulse demo"),
    ".",
  ];
}

function showNote() {
  const near = [...state.active.values()].filter((run) => left(run).near).length;
  note("running", near ? `${near} near the deadline` : "");
  $("#running .note").classList.toggle("warn", near > 0);
}

// Parents before their children; a child of one that no longer runs is a root.
function tree() {
  const children = new Map();
  const roots = [];
  for (const run of state.active.values()) {
    const parent = run.parent_agent_id;
    if (parent === null || parent === run.agent_id || !state.active.has(parent)) roots.push(run);
    else if (children.has(parent)) children.get(parent).push(run);
    else children.set(parent, [run]);
  }
  // All starts are written alike, so their text is in order.
  const byStart = (a, b) =>
    a.start_time < b.start_time ? -1 : a.start_time > b.start_time ? 1 : 0;
  const found = [];
  const seen = new Set();
  const visit = (run, depth) => {
    if (seen.has(run.agent_id)) return;
    seen.add(run.agent_id);
    found.push({ run, depth });
    for (const child of (children.get(run.agent_id) ?? []).sort(byStart)) visit(child, depth + 1);
  };
  for (const run of roots.sort(byStart)) visit(run, 0);
  // Parents in a circle have no root; they are shown all the same.
  for (const run of state.active.values()) visit(run, 0);
  return found;
}

function row({ run, depth }) {
  const known = run.progress !== null && run.progress !== undefined;
  const who = h(
    "span",
    { role: "cell", class: depth > 0 ? "who child" : "who" },
    runLink(run),
    h("span", { class: "type" }, run.agent_type),
    depth > 0 && h("span", { class: "sr" }, ` launched by ${run.parent_agent_id}`),
    h("span", { class: "task" }, run.task_description),
  );
  who.style.setProperty("--depth", Math.min(depth, MAX_DEPTH));
  return h(
    "div",
    { class: "tr", role: "row", "data-id": run.agent_id },
    who,
    h("span", { role: "cell", class: "tool" }, run.current_tool ?? "–"),
    h(
      "span",
      { role: "cell", class: "progress" },
      known
        ? [bar(run.progress), h("span", { class: "num" }, `${Math.round(run.progress * 100)} %`)]
        : "–",
    ),
    tokens(run.token_usage),
    h("span", { role: "cell", class: "num elapsed" }),
    h("span", { role: "cell", class: "num sign" }),
  );
}

// Its usage so far, if that is known.
function tokens(usage) {
  if (!usage) return h("span", { role: "cell", class: "num tokens unknown" }, "–");
  const cache = usage.cache_read_tokens + usage.cache_write_tokens;
  const title =
    `so far: ${count(usage.input_tokens)} in, ${count(usage.output_tokens)} out, ` +
    `${count(cache)} by the cache`;
  return h(
    "span",
    { role: "cell", class: "num tokens", title },
    short(usage.total_tokens),
    usage.estimated_cost !== null && h("span", { class: "cost" }, dollars(usage.estimated_cost)),
  );
}

// The time until it counts as hung, and whether that is near.
function left(run) {
  if (!run.deadline) return { ms: null, near: false };
  const deadline = Date.parse(run.deadline);
  const ms = deadline - serverNow();
  const window = deadline - Date.parse(run.last_seen ?? run.start_time);
  return { ms, near: ms < Math.min(NEAR_MS, window * NEAR_SHARE) };
}

function tick() {
  // While the page is offline, nothing is certain: it shows no deadlines.
  if (document.hidden || state.link === "offline") return;
  const now = serverNow();
  for (const element of document.querySelectorAll("#running [data-id]")) {
    const run = state.active.get(element.dataset.id);
    if (!run) continue;
    const { ms, near } = left(run);
    text($(".elapsed", element), clockSpan(now - Date.parse(run.start_time)));
    const silent = run.last_seen ? `${clockSpan(now - Date.parse(run.last_seen))} ago` : "–";
    const end = ms > 0 ? `times out in ${clockSpan(ms)}` : "overdue";
    const sign = $(".sign", element);
    text(sign, near ? end : silent);
    const title = run.deadline ? `counts as hung at ${moment(run.deadline)}` : "";
    if (sign.title !== title) sign.title = title;
    element.classList.toggle("near", near);
  }
  showNote();
}
