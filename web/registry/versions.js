// The versions of a definition, the newest first: what each did, on one axis of success.

import { h, quiet } from "../dom.js";
import { count, dollars, moment, percent, short, span } from "../format.js";
import { cell, figure, part, row, table } from "./parts.js";

const HEADS = [
  "Version",
  "Changed",
  "Runs",
  "Success, with its 90 % interval",
  "",
  "Median",
  "Tokens a run",
  "Cost a run",
];

export function versions({ versions: all, unsettled, others, is_whole }) {
  const title = "Versions, before and after";
  if (!all.length) return part(title, quiet("No version of it is recorded."));
  const left = [
    unsettled && `${count(unsettled)} within 5 s of a change are in none`,
    others && `${count(others)} of the name had another definition, or an earlier one`,
    !is_whole && "only the newest 10,000 were read",
  ].filter(Boolean);
  return part(
    title,
    h("div", { id: "compared" }, compared(all)),
    table("versions", title, HEADS, all.map(line)),
    left.length > 0 && quiet(`Of the executions, ${left.join("; ")}.`),
  );
}

const costOf = ({ estimated_cost: cost, executions }) => (executions ? cost / executions : null);

const words = (fields) => fields.map((name) => (name === "body" ? "prompt" : name)).join(", ");

// To the minute.
const at = (time) => moment(time).slice(0, -3);

// What the newest change did, as far as its executions show.
function compared([newest, before]) {
  if (!before) return `Nothing has changed since ${at(newest.from)}.`;
  const what = words(newest.changed) || "nothing that counts";
  const since = `Since ${at(newest.from)} (changed: ${what}): `;
  if (!newest.executions) return `${since}no execution has ended yet.`;
  if (!before.executions) return `${since}the version before has no execution to compare with.`;
  const [a, b] = [before, newest];
  const apart =
    a.success_rate_high < b.success_rate_low || b.success_rate_high < a.success_rate_low;
  const change = (title, of) => figure(title, `${of(a)} → ${of(b)}`);
  return [
    `${since}the intervals of success `,
    apart ? "are apart, hardly by chance." : "overlap, this may be chance.",
    h(
      "dl",
      { class: "figures" },
      change("Success", (one) => percent(one.success_rate)),
      change("Median", (one) => span(one.p50_duration_ms)),
      change("Tokens a run", (one) => short(one.tokens_per_execution)),
      change("Cost a run", (one) => dollars(costOf(one))),
    ),
  ];
}

function line(version, i) {
  const { executions: runs, success_rate_low: low, success_rate_high: high } = version;
  const rate = percent(version.success_rate, runs);
  const failed = `${count(version.failure_count)} failed, ${count(version.timeout_count)} timed out`;
  const until = version.until ? at(version.until) : "now";
  return row(
    h(
      "span",
      { role: "cell", title: version.version },
      h("code", null, version.version.slice(0, 8)),
      h(
        "span",
        { class: "below" },
        h("span", { class: "num" }, `${at(version.from)} –`),
        " ",
        h("span", { class: "num" }, until),
      ),
    ),
    h("span", { role: "cell", class: "changed" }, words(version.changed) || (i ? "–" : "nothing")),
    cell(count(runs), failed),
    h("span", { role: "cell", class: "scale" }, runs > 0 && interval(version)),
    cell(rate, runs ? `between ${percent(low)} and ${percent(high)}; ${failed}` : null),
    cell(span(version.p50_duration_ms), `p95 ${span(version.p95_duration_ms)}`),
    cell(short(version.tokens_per_execution)),
    cell(`${dollars(costOf(version))}${version.unpriced_count ? " +" : ""}`),
  );
}

function interval({ success_rate: rate, success_rate_low: low, success_rate_high: high }) {
  const words = `${percent(rate)}, between ${percent(low)} and ${percent(high)}`;
  const line = h("span", { class: "interval" });
  const point = h("span", { class: "point" });
  line.style.left = `${low * 100}%`;
  line.style.width = `${(high - low) * 100}%`;
  point.style.left = `${rate * 100}%`;
  return h("span", { class: "axis-of-success", role: "img", "aria-label": words }, line, point);
}
