// Ended executions: the last ones, and the last ones that failed.

import { body, fill, h, note, quiet } from "../dom.js";
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
  fill(body("errors"), list(all.slice(0, SHOWN), reason));
}

function showEnded() {
  if (!state.ended.length) {
    return known("ended") && fill(body("ended"), quiet("No execution has ended yet."));
  }
  fill(
    body("ended"),
    list(state.ended.slice(0, SHOWN), (run) => run.task_description),
  );
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

// Rows link to their runs; `words` makes a second line of a run. Those of one agent are named by
// their ends.
export function list(runs, words = () => null, ofOne = false) {
  return h(
    "ul",
    { class: "runs" },
    runs.map((run) => {
      const line = words(run);
      return h(
        "li",
        null,
        h("span", { class: `status ${run.status}` }, run.status),
        runLink(run, ofOne ? moment(run.execution_end) : run.agent_name),
        run.duration_ms !== undefined && h("span", { class: "num" }, span(run.duration_ms)),
        !ofOne &&
          h(
            "span",
            { class: "when num", title: moment(run.execution_end) },
            ago(run.execution_end, serverNow()),
          ),
        line && h("span", { class: "words", title: line }, line),
      );
    }),
  );
}
