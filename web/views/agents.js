// Every agent of the range, and the results of one of them.

import { read } from "../api.js";
import { Chart, DAY_S, byDay } from "../chart.js";
import { $, body, fill, h, note, quiet } from "../dom.js";
import { count, dollars, percent, short, span } from "../format.js";
import { DAYS } from "../reports.js";
import { whyNot } from "../sheet.js";
import { go, href, on, state } from "../state.js";
import { known } from "./panel.js";
import { list as runList, reason } from "./runs.js";

const MAX_ROWS = 200;
const TREND_DAYS = 7;
const SLOWEST = 6;
const ERRORS = 4;
const COVERED = { 1: "today", 7: "7 days", 30: "30 days" };

let filter = "";
let asked = "";
let shown = "";
// What is drawn of it.
let drawn = [];
let chart = null;

export function start() {
  on("agents", show);
  on("agent range", load);
  on("agent run", list);
}

function show() {
  if (!known("agents")) return;
  if (!$("#agent-list")) build();
  list();
  load();
}

function build() {
  const search = h("input", {
    id: "agent-filter",
    type: "search",
    placeholder: "Filter agents ( / )",
    "aria-label": "Filter agents",
    autocomplete: "off",
    spellcheck: "false",
    oninput: (event) => {
      filter = event.target.value.toLowerCase();
      list();
    },
  });
  fill(
    body("agents"),
    h(
      "div",
      { class: "both" },
      h("div", null, search, h("div", { id: "agent-list" })),
      h("div", { id: "agent-one" }),
    ),
  );
}

const rows = () => state.reports.agents.data.costs.filter((row) => row.agent_name !== null);

const chosen = () => state.agent ?? rows()[0]?.agent_name;

function list() {
  const place = $("#agent-list");
  if (!place) return;
  const all = rows().filter((row) => row.agent_name.toLowerCase().includes(filter));
  const unpriced = all.some((row) => row.unpriced_count);
  note(
    "agents",
    `${count(all.length)} · most costly first · ${COVERED[DAYS[state.reports.agents.range]]}` +
      `${unpriced ? " · + models without a known price" : ""}`,
  );
  if (!all.length) {
    return fill(
      place,
      quiet(filter ? "No agent has this in its name." : "No agent ended in this range."),
    );
  }
  fill(
    place,
    h(
      "div",
      { class: "table agents", role: "table", "aria-label": "Agents" },
      h(
        "div",
        { class: "tr head", role: "row" },
        ["Agent", "Runs", "Tokens", "Cost"].map((name) =>
          h("span", { role: "columnheader" }, name),
        ),
      ),
      all.slice(0, MAX_ROWS).map(row),
    ),
  );
}

function row({ agent_name: agent, executions, total_tokens, estimated_cost, unpriced_count }) {
  const pick = (event) => {
    event.preventDefault();
    go({ agent }, { replace: true });
  };
  const current = agent === chosen();
  return h(
    "div",
    { class: current ? "tr chosen" : "tr", role: "row" },
    h(
      "span",
      { role: "cell" },
      h(
        "a",
        {
          href: href({ agent }),
          onclick: pick,
          "data-row": true,
          "data-key": agent,
          "aria-current": current && "true",
        },
        agent,
      ),
    ),
    h("span", { role: "cell", class: "num" }, count(executions)),
    h("span", { role: "cell", class: "num", title: count(total_tokens) }, short(total_tokens)),
    h(
      "span",
      { role: "cell", class: "num" },
      dollars(estimated_cost),
      h("span", { class: "below" }, unpriced_count ? " +" : ""),
    ),
  );
}

// An answer for an agent that is no longer selected is dropped.
async function load() {
  const place = $("#agent-one");
  const name = place && chosen();
  if (!name) return place && fill(place);
  const days = Math.max(TREND_DAYS, DAYS[state.range]);
  const mine = `${days} ${name}`;
  place.classList.toggle("loading", mine !== shown);
  asked = mine;
  const path = encodeURIComponent(name);
  try {
    const [performance, errors] = await Promise.all([
      read(`api/agents/performance/${path}?days=${days}`),
      read(`api/agents/errors/${path}`),
    ]);
    if (mine !== asked) return;
    const found = [mine, performance.data, errors.data];
    if (found.some((one, i) => one !== drawn[i])) {
      detail(place, name, days, performance.data, errors.data.errors);
    }
    drawn = found;
  } catch (error) {
    if (mine !== asked || mine === shown) return;
    drawn = [];
    fill(place, h("h3", null, name), whyNot(error));
  }
  shown = mine;
  place.classList.remove("loading");
}

function detail(place, name, days, one, errors) {
  const { performance: times, token_usage: tokens } = one;
  const figure = (title, value) =>
    h("div", null, h("dt", null, title), h("dd", { class: "num" }, value));
  const trend = h("div");
  const half = (title, content) => h("div", null, h("h4", null, title), content);
  fill(
    place,
    h("h3", null, h("span", null, name), h("span", { class: "covered" }, `last ${days} days`)),
    h(
      "dl",
      { class: "figures" },
      figure("Runs", count(one.total_executions)),
      figure("Success", percent(one.success_rate, one.total_executions)),
      figure("Fastest", span(times.min_duration_ms)),
      figure("Median", span(times.p50_duration_ms)),
      figure("p95", span(times.p95_duration_ms)),
      figure("p99", span(times.p99_duration_ms)),
      figure("Slowest", span(times.max_duration_ms)),
      figure("Tokens a run", short(tokens.avg_tokens)),
      figure("Cost", dollars(tokens.estimated_cost)),
    ),
    trend,
    h(
      "div",
      { class: "halves" },
      half(
        "Slowest runs",
        one.slowest.length
          ? runList(one.slowest.slice(0, SLOWEST))
          : quiet("No duration is known."),
      ),
      half(
        "Last errors",
        errors.length ? runList(errors.slice(0, ERRORS), reason) : quiet("None is known."),
      ),
    ),
  );
  chart?.end();
  chart = new Chart(trend, 130);
  chart.show(
    byDay(one.daily_trend, days, one.today, (day) => day),
    DAY_S,
    "Trend by the day",
  );
}
