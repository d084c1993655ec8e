// One definition: what is wrong with it, how it does, what its changes did, what it says.

import { read } from "../api.js";
import { $, fill, h, quiet } from "../dom.js";
import { count, dollars, moment, percent, short, span } from "../format.js";
import { frame, whyNot } from "../sheet.js";
import { state } from "../state.js";
import { finding } from "./overview.js";
import { agentLink, choice, definitionLink, figure, oneByOne, part, place } from "./parts.js";
import { versions } from "./versions.js";

const DAYS = [
  ["7", "7 days"],
  ["30", "30 days"],
  ["90", "90 days"],
];

const LIBRARY = "It is of the library: no client looks for it, and it is offered for tasks.";

let days = "30";
let sheet = null;
// The definition that is drawn, and its answer.
let shown = null;
let drawn = null;

export function open(at) {
  sheet = at;
  shown = drawn = null;
  frame(sheet, state.definition, quiet("Loading…"));
  load();
}

export const load = oneByOne(async () => {
  const [id, of] = [state.definition, days];
  if (!id) return;
  try {
    const { data } = await read(
      `api/registry/agents/${encodeURIComponent(id)}?by=version&days=${of}`,
    );
    if (id !== state.definition || of !== days) return load();
    if (data !== drawn) show(data);
    [shown, drawn] = [id, data];
  } catch (error) {
    if (id !== state.definition) return load();
    // It may have gone meanwhile.
    if (shown !== id || error.status === 404) frame(sheet, id, whyNot(error), named(error));
    drawn = null;
  }
});

// Of several with one name, each by its id.
const named = ({ message }) =>
  h(
    "ul",
    null,
    (message.match(/\bagent_[0-9a-f]+/g) ?? []).map((id) => h("li", null, definitionLink(id, id))),
  );

function show(agent) {
  const { config, findings, resources } = agent;
  frame(
    sheet,
    agent.run_name,
    h(
      "p",
      { class: "headline" },
      h("span", { class: `status ${agent.status}` }, agent.status),
      h("span", { class: "type" }, agent.agent_type),
      h("span", { class: "type", title: agent.project }, place(agent)),
      h("code", { class: "file" }, agent.file_path),
    ),
    doubts(agent),
    config.description && h("p", null, config.description),
    findings.length > 0 &&
      part(
        "Findings",
        h(
          "ul",
          { class: "findings" },
          findings.map((found) => finding({ ...found, file_path: agent.file_path })),
        ),
      ),
    h(
      "section",
      null,
      h(
        "div",
        { class: "choices" },
        h("h3", null, "Executions"),
        choice("Last", "days", DAYS, days, (chosen) => {
          days = chosen;
          load();
        }),
        h("span", { class: "note" }, agentLink(agent.run_name, "all its runs")),
      ),
      performance(agent),
    ),
    versions(agent.versions),
    part("What it says", says(agent)),
    h("p", { class: "below" }, costs(resources)),
  );
}

function doubts({ status, scope, effective, shadowed_by, stale_since }) {
  const all = [
    status === "error" && "The client does not load it as it is. Shown is its last good content.",
    shadowed_by
      ? `The client takes ${shadowed_by} for it.`
      : !effective &&
        status !== "error" &&
        (scope === "library" ? LIBRARY : "No known client takes it."),
    stale_since && `It may not be as shown: its folder cannot be read since ${moment(stale_since)}.`,
  ];
  return all.filter(Boolean).map((words) => h("p", { class: "warn" }, words));
}

function performance({ performance: did, resources, last_activity }) {
  if (did.attribution === "other") {
    return quiet("A definition that clients look for has this name, and the executions of it.");
  }
  if (did.attribution === "ambiguous") {
    return quiet(
      "Several definitions have this name: its executions are divided below, as far as is known.",
    );
  }
  const unpriced = did.unpriced_count ? " +" : "";
  return h(
    "dl",
    { class: "figures" },
    figure("Runs", count(did.total_tasks), "runs"),
    figure("Success", percent(did.task_success_rate, did.total_tasks), "success"),
    figure("Failed", count(did.error_count)),
    figure("Timed out", count(did.timeout_count)),
    figure("Mean", span(did.avg_response_time_ms)),
    figure("p95", span(did.p95_response_time_ms)),
    figure("Tokens", short(did.total_tokens)),
    figure("Cost", `${dollars(did.estimated_cost)}${unpriced}`, "cost"),
    figure("Running", count(resources.active_tasks)),
    figure("Last run", moment(last_activity)),
  );
}

// Unknown values are not listed.
function says({ config, version, created_at, last_modified }) {
  const { extra } = config;
  const tools = config.tools ? config.tools.join(", ") || "none" : "all";
  const rows = [
    ["Model", config.model],
    ["Tools", tools],
    ["Denied tools", config.disallowed_tools.join(", ")],
    ["MCP servers", config.mcp_servers.join(", ")],
    ["Skills", config.skills.join(", ")],
    ["Permission mode", config.permission_mode],
    ["Most turns", config.max_turns],
    ["Memory", config.memory],
    ["Background", config.background === null ? null : String(config.background)],
    ["Effort", config.effort],
    ["Isolation", config.isolation],
    ["Color", config.color],
    ["Hooks", config.has_hooks ? "yes" : null],
    ...Object.entries(extra).map(([name, value]) => [
      `${name} (unknown)`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
    ["Version", version.slice(0, 8)],
    ["First seen", created_at && moment(created_at)],
    ["Written", last_modified && moment(last_modified)],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, String(value)))),
  );
}

const costs = ({ description_tokens, prompt_tokens }) =>
  `The description costs each session ${count(description_tokens)} tokens, the prompt each ` +
  `execution ${count(prompt_tokens)}; both are estimated by their length.`;
