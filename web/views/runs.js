// Ended executions: the last ones, and the last ones that failed.

import { body, fill, h, list as panelList, note, quiet, rows, text } from "../dom.js";
import { ago, moment, span } from "../format.js";
import { href, on, serverNow, state } from "../state.js";
import { known } from "./panel.js";

const SHOWN = 12;

export function start() {
  on("errors", showErrors);
  on("ended range agent", showEnded);
  setInterval(() => {
    if (document.hidden) return;
    showErrors();
    showEnded();
  }, 10_000);
}

function showErrors() {
  const pages = known("errors");
  if (!pages) return;
  const all = pages.flatMap((page) => page.executions);
  const more = pages.some((page) => page.next_cursor);
  all.sort((a, b) => Date.parse(b.execution_end) - Date.parse(a.execution_end));
  const { range } = state.reports.errors;
  note("errors", all.length ? `${more ? "the last of many" : all.length} in ${range}` : "");
  if (!all.length) return fill(body("errors"), quiet("No execution failed in this range."));
  show("errors", all, reason);
}

function showEnded() {
  if (!state.ended.length) {
    return known("ended") && fill(body("ended"), quiet("No execution has ended yet."));
  }
  show("ended", state.ended, (run) => run.task_description);
}

function show(panel, runs, words) {
  const place = panelList(panel, () => h("ul", { class: "runs" }));
  const shown = runs.slice(0, SHOWN);
  const wanted = shown.map((run) => {
    const { agent_id: id, agent_name, status, duration_ms, execution_end } = run;
    const parts = [href({ run: id }), agent_name, status, duration_ms, execution_end, words(run)];
    return [id, JSON.stringify(parts), () => item(run, words(run), " ")];
  });
  rows(place, wanted);
  const now = serverNow();
  const whens = place.querySelectorAll(".when");
  shown.forEach((run, i) => text(whens[i], ago(run.execution_end, now)));
}

export function reason({ status, error_details }) {
  const { type, message } = error_details ?? {};
  if (type || message) return [type, message].filter(Boolean).join(": ");
  return status === "timeout"
    ? "it sent no heartbeat until its deadline"
    : "no reason was given";
}

export const runLink = ({ agent_id: id, agent_name }, words = agent_name) =>
  h("a", { href: href({ run: id }), "data-row": true, "data-key": id, title: id }, words);

// Runs of one agent, which are named by their ends; `words` makes a second line of a run.
export const list = (runs, words = () => null) =>
  h(
    "ul",
    { class: "runs" },
    runs.map((run) => item(run, words(run), null)),
  );

// A row links to its run. Without `when` it is named by its end.
function item(run, line, when) {
  const end = moment(run.execution_end);
  return h(
    "li",
    null,
    h("span", { class: `status ${run.status}` }, run.status),
    runLink(run, when === null ? end : run.agent_name),
    run.duration_ms !== undefined && h("span", { class: "num" }, span(run.duration_ms)),
    when !== null && h("span", { class: "when num", title: end }, when),
    line && h("span", { class: "words", title: line }, line),
  );
}
