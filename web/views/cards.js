// The six figures: of now and today, and below them of the chosen range.

import { $, bar, fill, h, text } from "../dom.js";
import { count, dollars, hourMinute, mean, percent, short } from "../format.js";
import { on, state } from "../state.js";

// Below this share the success rate is marked, as the alert has it by default.
export const LOW_SUCCESS = 0.8;

// Key, title, the figure, the exact one as its title.
const CARDS = [
  ["active", "Running now", (now) => count(now.active_agents)],
  ["executions", "Executions today", (now) => count(now.executions_today)],
  ["success", "Success rate today", (now) => percent(now.success_rate, now.executions_today)],
  ["duration", "Avg duration today", (now) => mean(now.avg_duration_ms)],
  [
    "tokens",
    "Tokens today",
    (now) => short(now.tokens_used_today),
    (now) => count(now.tokens_used_today),
  ],
  ["cost", "Cost today", (now) => dollars(now.estimated_cost_today)],
];

// Card, the budget's name, what of it is spent, how an amount is written.
const BUDGETS = [
  ["tokens", "daily_tokens", (now) => now.tokens_used_today, short],
  ["cost", "daily_cost", (now) => now.estimated_cost_today, dollars],
];

export function start() {
  $("#cards").replaceChildren(
    ...CARDS.map(([key, title]) =>
      h(
        "div",
        { class: "card", "data-card": key },
        h("h2", null, title),
        h("p", { class: "figure" }, "–"),
        h("p", { class: "below" }, " "),
        h("p", { class: "below kinds", hidden: true }),
        h("p", { class: "budget", hidden: true }),
      ),
    ),
  );
  on("totals", show);
  on("window range active", showWindow);
  on("totals alerts", showBudgets);
}

function show() {
  const now = state.totals;
  for (const [key, , figure, exact] of CARDS) {
    const place = $(`[data-card=${key}] .figure`);
    text(place, figure(now));
    if (exact) title(place, exact(now));
  }
  const rate = $("[data-card=success]");
  rate.classList.toggle("bad", now.executions_today > 0 && now.success_rate < LOW_SUCCESS);
  $("[data-card=active]").classList.toggle("on", now.active_agents > 0);
  showKinds(now.by_kind);
  const name = now.active_agents ? `(${now.active_agents}) agentpulse` : "agentpulse";
  if (document.title !== name) document.title = name;
}

function title(element, words) {
  if (element.title !== words) element.title = words;
}

// What of the day's cost the main threads had; of a daemon that does not say it, nothing.
function showKinds(kinds) {
  const place = $("[data-card=cost] .kinds");
  place.hidden = !kinds;
  if (!kinds) return;
  const { main, ...others } = kinds;
  const agents = Object.values(others).reduce((sum, kind) => sum + kind.estimated_cost, 0);
  text(place, `main ${dollars(main.estimated_cost)} · agents ${dollars(agents)}`);
}

// How much of the day's budget is spent; null without a budget.
function showBudgets() {
  if (!state.totals) return;
  for (const [key, name, spent, words] of BUDGETS) {
    const budget = state.budgets[name] ?? null;
    const place = $(`[data-card=${key}] .budget`);
    place.hidden = budget === null;
    const share = budget === null ? 0 : spent(state.totals) / budget;
    $(`[data-card=${key}]`).classList.toggle("bad", share > 1);
    if (budget === null) continue;
    fill(
      place,
      bar(share, share > 1 ? "bad" : ""),
      h("span", null, `${Math.round(share * 100)} % of ${words(budget)} a day`),
    );
  }
}

function showWindow() {
  const roots = [...state.active.values()].filter((run) => !state.active.has(run.parent_agent_id));
  const nested = state.active.size - roots.length;
  text($("[data-card=active] .below"), nested ? `${nested} launched by others` : " ");
  const report = state.reports.window;
  const known = report?.range === state.range && report.data;
  for (const [key, , figure, exact] of CARDS.slice(1)) {
    const place = $(`[data-card=${key}] .below`);
    text(place, known ? `${figure(known)} ${since()}` : " ");
    if (known && exact) title(place, exact(known));
  }
}

// A window is whole hours, the current one is its last.
function since() {
  const { range } = state;
  if (range === "7d" || range === "30d" || range === "24h")
    return `in ${range.replace("d", " days").replace("h", " h")}`;
  const hours = Number.parseInt(range, 10);
  const begin = new Date();
  begin.setMinutes(0, 0, 0);
  begin.setHours(begin.getHours() - hours + 1);
  return `since ${hourMinute(begin)}`;
}
