// The sessions of the range, those that run first.

import { body, fill, h, note, quiet } from "../dom.js";
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

const listed = () => state.reports.sessions?.data?.sessions ?? [];

// A session that begins is no end of anything, after which reports are read again.
function lookForNew() {
  const ids = new Set(listed().map((session) => session.session_id));
  const isNew = ({ session_id: id }) => id !== null && !ids.has(id);
  if ([...state.active.values()].some(isNew)) touch();
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
  const heads = ["Session", "Status", "Turns", "Agents", "Failed", "Tokens", "Cost", "Ended"];
  fill(
    body("sessions"),
    h(
      "div",
      { class: "table sessions", role: "table", "aria-label": "Sessions" },
      h(
        "div",
        { class: "tr head", role: "row" },
        heads.map((name) => h("span", { role: "columnheader" }, name)),
      ),
      all.slice(0, SHOWN).map(row),
    ),
  );
}

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

function row(session) {
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
    end ? cell(ago(end, serverNow()), moment(end)) : cell("runs"),
  );
}
