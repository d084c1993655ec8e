// The sessions of the range, those that run first.

import { body, fill, h, list, note, quiet, rows } from "../dom.js";
import { ago, count, dollars, moment, short } from "../format.js";
import { touch } from "../reports.js";
import { href, on, serverNow, state } from "../state.js";
import { known } from "./panel.js";

const SHOWN = 12;

export function start() {
  on("sessions range session", show);
  on("active", lookForNew);
  setInterval(() => document.hidden || show(), 10_000);
}

// The sessions of what runs, as they were seen last.
let met = new Set();

// A session that begins is no end of anything, after which reports are read again.
function lookForNew() {
  const ids = new Set([...state.active.values()].map((run) => run.session_id));
  ids.delete(null);
  if (!ids.isSubsetOf(met)) touch("sessions");
  met = ids;
}

function show() {
  const page = known("sessions");
  if (!page) return;
  const { range } = state.reports.sessions;
  const all = page.sessions;
  note(
    "sessions",
    all.length ? `${page.next_cursor ? "the last of many" : count(all.length)} in ${range}` : "",
  );
  if (!all.length) return fill(body("sessions"), quiet("No session ran in this range."));
  const table = list("sessions", () =>
    h("div", { class: "table sessions", role: "table", "aria-label": "Sessions" }),
  );
  const shown = all.slice(0, SHOWN).map((session) => {
    const { session_id: id, ended_at: end } = session;
    const words = end ? ago(end, serverNow()) : "runs";
    const said = JSON.stringify([href({ session: id, run: null }), words, session]);
    return [`session ${id}`, said, () => row(session, words)];
  });
  rows(table, [["head", "", head], ...shown]);
}

const HEADS = ["Session", "Status", "Turns", "Agents", "Failed", "Tokens", "Cost", "Ended"];

const head = () =>
  h(
    "div",
    { class: "tr head", role: "row" },
    HEADS.map((name) => h("span", { role: "columnheader" }, name)),
  );

export const sessionLink = (id) =>
  h(
    "a",
    { href: href({ session: id, run: null }), "data-row": true, "data-key": id, title: id },
    h("code", null, id),
  );

// Of what has ended and of what runs, so far.
export function spent({ token_usage: ended, usage_so_far: so_far }) {
  return {
    tokens: ended.total_tokens + (so_far?.total_tokens ?? 0),
    cost: ended.estimated_cost + (so_far?.estimated_cost ?? 0),
  };
}

function row(session, words) {
  const { tokens, cost } = spent(session);
  const { status, ended_at: end } = session;
  const cell = (words, title) => h("span", { role: "cell", class: "num", title }, words);
  return h(
    "div",
    { class: "tr", role: "row" },
    h(
      "span",
      { role: "cell", class: "who" },
      sessionLink(session.session_id),
      h("span", { class: "task" }, session.models.join(", ")),
    ),
    h("span", { role: "cell" }, h("span", { class: `status ${status}` }, status)),
    cell(count(session.turns)),
    cell(count(session.agent_runs)),
    cell(count(session.failures)),
    cell(short(tokens), count(tokens)),
    cell(`${dollars(cost)}${session.unpriced_count ? " +" : ""}`),
    cell(words, end ? moment(end) : null),
  );
}
