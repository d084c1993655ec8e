// Executions as bars on one axis of time, a row each, children below their parents.

import { $, fill, h, text } from "../dom.js";
import { clockSpan, count, dollars, moment, short, span } from "../format.js";
import { serverNow } from "../state.js";
import { reason, runLink } from "./runs.js";

const MAX_LEVEL = 8;
// Marks of the axis, at most.
const MARKS = 6;
const STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400,
];

const startMs = (run) => Date.parse(run.execution_start ?? run.execution_end);
const endMs = (run) => (run.execution_end ? Date.parse(run.execution_end) : serverNow());

export function waterfall(executions) {
  const place = h(
    "div",
    { class: "waterfall", role: "table", "aria-label": "Executions of the session" },
    h(
      "div",
      { class: "tr head", role: "row" },
      h("span", { role: "columnheader" }, "Execution"),
      h("span", { role: "columnheader" }, "Status"),
      h("span", { role: "columnheader", class: "axis", "aria-label": "Time" }),
      ["Took", "Tokens", "Cost"].map((name) => h("span", { role: "columnheader" }, name)),
    ),
    executions.map(row),
  );
  grow(place, executions);
  return place;
}

function row(run) {
  const { level, status, token_usage: usage } = run;
  const words = ["failure", "timeout"].includes(status)
    ? reason(run)
    : (run.current_tool ?? run.task_description);
  const who = h(
    "span",
    { role: "cell", class: level > 0 ? "who child" : "who" },
    runLink(run),
    level > 0 && h("span", { class: "sr" }, ` level ${level}`),
    words && h("span", { class: "task", title: words }, words),
  );
  who.style.setProperty("--depth", Math.min(level, MAX_LEVEL));
  const end = run.execution_end ? moment(run.execution_end) : "now";
  const title = `${moment(run.execution_start)} to ${end}`;
  return h(
    "div",
    { class: "tr", role: "row" },
    who,
    h("span", { role: "cell" }, h("span", { class: `status ${status}` }, status)),
    h(
      "span",
      { role: "cell", class: "track", title },
      h("span", { class: `span ${status} ${run.kind}` }),
    ),
    h("span", { role: "cell", class: "num took" }, span(run.duration_ms)),
    h(
      "span",
      { role: "cell", class: "num", title: usage && count(usage.total_tokens) },
      short(usage?.total_tokens),
    ),
    h("span", { role: "cell", class: "num" }, dollars(usage?.estimated_cost)),
  );
}

// Sets each bar on the axis, which ends now while anything runs.
export function grow(place, executions) {
  const begin = executions.reduce((least, run) => Math.min(least, startMs(run)), Infinity);
  const end = executions.reduce((most, run) => Math.max(most, endMs(run)), begin + 1);
  const share = (ms) => `${(ms / (end - begin)) * 100}%`;
  const rows = place.querySelectorAll(".track");
  executions.forEach((run, i) => {
    const [inner] = rows[i].children;
    inner.style.left = share(startMs(run) - begin);
    inner.style.width = share(endMs(run) - startMs(run));
    if (run.status === "running") text(rows[i].nextSibling, clockSpan(endMs(run) - startMs(run)));
  });
  const all_s = (end - begin) / 1_000;
  const fits = (step) => all_s / step <= MARKS;
  const step = STEPS_S.find(fits) ?? Math.ceil(all_s / MARKS / 86_400) * 86_400;
  const marks = [];
  for (let at = 0; at <= all_s; at += step) {
    const mark = h("span", { class: "mark" }, clockSpan(at * 1_000));
    mark.style.left = share(at * 1_000);
    marks.push(mark);
  }
  fill($(".axis", place), marks);
}
