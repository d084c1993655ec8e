// The network of agents: a picture, and the same numbers as tables.

import { read } from "../api.js";
import { $, fill, h, quiet, text } from "../dom.js";
import { count, dollars, moment, percent, short, span } from "../format.js";
import { frame, whyNot } from "../sheet.js";
import { state } from "../state.js";
import { again, agentLink, cell, choice, oneByOne, row, table } from "./parts.js";
import { picture } from "./picture.js";

const DAYS = [
  ["1", "day"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
];
const LEGEND = [
  ["ran", "executions"],
  ["failed", "without success"],
  ["launched", "launches, wider if more"],
  ["paired", "same sessions, outside of launches"],
];

const HEADS = {
  agents: ["Agent", "Runs", "Success", "Tokens", "Cost"],
  launches: ["By", "Of", "Launches", "Success", "Median"],
  pairs: ["Agent", "And", "Sessions together"],
};

let days = "7";
let sheet = null;
// The days that are drawn, and their answer.
let shown = null;
let drawn = null;
// The tables that are open.
const opened = new Set();

export function open(at) {
  sheet = at;
  shown = drawn = null;
  frame(
    sheet,
    "Network of agents",
    h(
      "div",
      { class: "choices" },
      choice("Last", "days", DAYS, days, (chosen) => {
        days = chosen;
        $("#network", sheet).classList.add("loading");
        load();
      }),
      h(
        "p",
        { class: "key-of-network" },
        LEGEND.map(([kind, words]) => h("span", { class: kind }, words)),
      ),
      again(load),
    ),
    h("div", { id: "network" }, quiet("Loading…")),
  );
  load();
}

const load = oneByOne(async () => {
  const of = days;
  const answer = await read(`api/agents/network?days=${of}`).catch((error) => ({ error }));
  // The sheet may have another view meanwhile.
  if (state.view !== "network") return;
  if (of !== days) return load();
  const place = $("#network", sheet);
  place.classList.remove("loading");
  const { data, error } = answer;
  if (error && shown === of) return text($("[data-read]", sheet), "could not be read again");
  if (error) fill(place, whyNot(error));
  else if (data !== drawn) fill(place, ...show(data, place.clientWidth));
  [shown, drawn] = error ? [null, null] : [of, data];
  text($("[data-read]", sheet), error ? "" : `read at ${moment(Date.now())}`);
});

function show(network, width) {
  const { nodes, edges, together, omitted } = network;
  if (!nodes.length) return [quiet("No execution of an agent ended in these days.")];
  const ofAgent = (one) => [
    h("span", { role: "cell", class: "who" }, agentLink(one.agent_name)),
    cell(count(one.executions)),
    cell(percent(one.success_rate)),
    cell(short(one.total_tokens), count(one.total_tokens)),
    cell(dollars(one.estimated_cost)),
  ];
  const ofLaunches = (one) => [
    name(one.parent),
    name(one.child),
    cell(count(one.launches)),
    cell(percent(one.success_rate)),
    cell(span(one.p50_duration_ms)),
  ];
  const ofPair = (one) => [name(one.first), name(one.second), cell(count(one.sessions))];
  return [
    ...picture(network, width),
    ...doubts(network),
    part("Agents", HEADS.agents, nodes, omitted.nodes, ofAgent),
    part("Launches", HEADS.launches, edges, omitted.edges, ofLaunches),
    part("Pairs", HEADS.pairs, together, omitted.together, ofPair),
  ];
}

const name = (words) => h("span", { role: "cell", class: "name", title: words }, words);

function doubts({ unknown_parents, is_whole, since }) {
  const all = [
    !is_whole && `There are more executions than are read: these ended since ${moment(since)}.`,
    unknown_parents > 0 &&
      `Of ${count(unknown_parents)} executions it is not known any more which agent launched them.`,
  ];
  return all.filter(Boolean).map((words) => h("p", { class: "below" }, words));
}

function part(title, heads, all, omitted, cells) {
  const of = omitted ? `${count(all.length)} of ${count(all.length + omitted)}` : count(all.length);
  const rows = all.map((one) => row(...cells(one)));
  const ontoggle = ({ target }) => (target.open ? opened.add(title) : opened.delete(title));
  return h(
    "details",
    { open: opened.has(title), ontoggle },
    h("summary", { "data-key": title }, `${title} (${of})`),
    table(`of-network of-${title.toLowerCase()}`, title, heads, rows),
  );
}
