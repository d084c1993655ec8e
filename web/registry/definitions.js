// The definitions of agents: which there are, how each does, and what is wrong between them.

import { read } from "../api.js";
import { $, fill, h, quiet, text } from "../dom.js";
import { count, dollars, moment, percent, short } from "../format.js";
import { frame, whyNot } from "../sheet.js";
import { on, state } from "../state.js";
import { conflicts, overview } from "./overview.js";
import { again, cell, choice, definitionLink, oneByOne, place, row, table } from "./parts.js";

const ROWS = 100;
const TYPED_MS = 250;
const STATUSES = [
  ["", "all"],
  ["active", "active"],
  ["idle", "idle"],
  ["error", "error"],
  ["maintenance", "maintenance"],
];
const SORTS = [
  ["name", "name"],
  ["activity", "last run"],
  ["cost", "cost"],
  ["success", "success"],
];

const chosen = { q: "", status: "", sort: "name", offset: 0 };
let sheet = null;
// Of each place what is drawn there.
let drawn = {};
// The address whose rows are drawn.
let listed = null;
let typed = 0;

export function open(at) {
  sheet = at;
  drawn = {};
  listed = null;
  frame(
    sheet,
    "Definitions",
    h("div", { id: "overview" }, quiet("Loading…")),
    h(
      "div",
      { class: "choices" },
      search(),
      choice("Status", "status", STATUSES, chosen.status, (status) => choose({ status })),
      choice("Order", "sort", SORTS, chosen.sort, (sort) => choose({ sort })),
      again(load),
    ),
    h("div", { id: "definition-list" }),
    h("div", { id: "conflicts" }),
  );
  load();
}

function search() {
  const oninput = (event) => {
    clearTimeout(typed);
    const q = event.target.value.trim();
    typed = setTimeout(choose, TYPED_MS, { q });
  };
  return h("input", {
    type: "search",
    placeholder: "Words in name or description ( / )",
    "aria-label": "Search the definitions",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 200,
    value: chosen.q,
    oninput,
  });
}

// The sheet may have another view meanwhile.
const isOpen = () => state.view === "definitions";

function choose(change) {
  if (!isOpen()) return;
  Object.assign(chosen, { offset: 0 }, change);
  $("#definition-list", sheet).classList.add("loading");
  load();
}

function address() {
  const { q, status, sort, offset } = chosen;
  const query = new URLSearchParams({ sort, limit: ROWS, offset });
  if (q) query.set("q", q);
  if (status) query.set("status", status);
  return `api/registry/agents?${query}`;
}

const load = oneByOne(async () => {
  const asked = address();
  try {
    const answers = await Promise.all([
      read("api/registry/stats"),
      read(asked),
      read(`api/registry/conflicts?limit=${ROWS}`),
    ]);
    if (!isOpen()) return;
    if (asked !== address()) return load();
    const [stats, page, between] = answers.map(({ data }) => data);
    // The last page may have gone.
    if (chosen.offset && !page.agents.length) return choose({ offset: 0 });
    show("#overview", stats, overview);
    show("#definition-list", page, list);
    show("#conflicts", between, conflicts);
    listed = asked;
    text($("[data-read]", sheet), `${count(page.total)} found, read at ${moment(Date.now())}`);
  } catch (error) {
    if (!isOpen()) return;
    // What is drawn stays, as long as nothing else was asked for.
    if (asked === listed) {
      text($("[data-read]", sheet), "could not be read again");
    } else {
      drawn = {};
      listed = null;
      fill($("#definition-list", sheet), whyNot(error));
    }
  }
  $("#definition-list", sheet).classList.remove("loading");
});

on("definitions", () => isOpen() && load());

function show(selector, data, draw) {
  const place = $(selector, sheet);
  if (drawn[selector] === data) return;
  drawn[selector] = data;
  fill(place, draw(data));
}

const HEADS = ["Agent", "Place", "Status", "Runs", "Success", "Cost", "Description", "Findings"];

function list({ agents, total }) {
  if (!agents.length) {
    const isAll = !chosen.q && !chosen.status;
    return quiet(isAll ? "No definition was found." : "No definition is like that.");
  }
  return [
    table("definitions", "Definitions", HEADS, agents.map(line)),
    total > agents.length && pages(agents.length, total),
  ];
}

function line(agent) {
  const { performance: did, config, resources, findings } = agent;
  const isShared = did.attribution === "ambiguous" || did.attribution === "other";
  const known = (words) => (isShared ? "–" : words);
  const why = isShared ? "several definitions have this name" : null;
  const unpriced = did.unpriced_count ? " +" : "";
  return row(
    h(
      "span",
      { role: "cell", class: "who", title: agent.file_path },
      definitionLink(agent.agent_id, agent.run_name),
      h("span", { class: "task" }, config.description),
    ),
    h("span", { role: "cell", class: "place", title: agent.project }, place(agent)),
    h("span", { role: "cell" }, h("span", { class: `status ${agent.status}` }, agent.status)),
    cell(known(count(did.total_tasks)), why ?? `in the last ${did.days} days`),
    cell(known(percent(did.task_success_rate, did.total_tasks)), why),
    cell(known(did.total_tasks ? `${dollars(did.estimated_cost)}${unpriced}` : "–"), why),
    cell(short(resources.description_tokens), "tokens that each session pays for it"),
    h(
      "span",
      { role: "cell", class: `num ${worst(findings)}`, title: bySeverity(findings) },
      count(findings.length),
    ),
  );
}

const SEVERITIES = [
  ["error", "bad"],
  ["warning", "warn"],
  ["hint", ""],
];

const worst = (findings) =>
  SEVERITIES.find(([name]) => findings.some(({ severity }) => severity === name))?.[1] ?? "";

const bySeverity = (findings) =>
  SEVERITIES.map(([name]) => [name, findings.filter(({ severity }) => severity === name).length])
    .filter(([, n]) => n)
    .map(([name, n]) => `${n} ${name}${n > 1 ? "s" : ""}`)
    .join(", ");

function pages(shown, total) {
  const { offset } = chosen;
  const to = (words, next, isOpen) =>
    h(
      "button",
      {
        type: "button",
        "data-key": words,
        disabled: !isOpen,
        onclick: () => choose({ offset: next }),
      },
      words,
    );
  const last = offset + shown;
  return h(
    "div",
    { class: "pages" },
    to("Previous", Math.max(0, offset - ROWS), offset > 0),
    h("span", { class: "num" }, `${count(offset + 1)}–${count(last)} of ${count(total)}`),
    to("Next", last, last < total),
  );
}
