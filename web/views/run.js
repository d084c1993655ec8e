// One execution in full. Its address opens it.

import { read } from "../api.js";
import { $, bar, h, quiet } from "../dom.js";
import { count, dollars, moment, span, clockSpan } from "../format.js";
import { closes, frame, whyNot } from "../sheet.js";
import { href, on, serverNow, state } from "../state.js";
import { runLink } from "./runs.js";
import { sessionLink } from "./sessions.js";

const sheet = $("#run");
let item = null;

export function start() {
  on("run", open);
  closes(sheet, "run");
  on("active ended", () => state.run && item?.status === "running" && load());
  open();
}

function open() {
  if (!state.run) return sheet.open && sheet.close();
  item = null;
  frame(sheet, state.run, quiet("Loading…"));
  if (!sheet.open) sheet.showModal();
  load();
}

async function load() {
  const id = state.run;
  try {
    const { data } = await read(`api/agents/executions/${encodeURIComponent(id)}`);
    if (id !== state.run) return;
    item = data;
    show();
  } catch (error) {
    if (id !== state.run || item) return;
    frame(sheet, id, whyNot(error));
  }
}

function show() {
  const running = item.status === "running";
  const so_far =
    running && item.execution_start
      ? clockSpan(serverNow() - Date.parse(item.execution_start))
      : null;
  frame(
    sheet,
    item.agent_name,
    h(
      "p",
      { class: "headline" },
      h("span", { class: `status ${item.status}` }, item.status),
      h("span", { class: "type" }, item.agent_type),
      h("span", { class: "num" }, running ? `for ${so_far ?? "–"}` : span(item.duration_ms)),
    ),
    item.task_description && h("p", { class: "task" }, item.task_description),
    item.error_details && error(item.error_details),
    facts([
      ["Id", h("code", null, item.agent_id)],
      ["Started", moment(item.execution_start), item.execution_start],
      ["Ended", moment(item.execution_end), item.execution_end],
      [
        "Launched by",
        item.parent_agent_id && runLink({ agent_id: item.parent_agent_id }, item.parent_agent_id),
      ],
      ["Depth", item.depth],
      ["Session", item.session_id && sessionLink(item.session_id)],
      ["Model", item.model],
      ["Host", item.host],
      ["Source", item.source],
      ["Context", item.context_size && `${count(item.context_size)} bytes`],
      ["Agent", h("a", { href: href({ agent: item.agent_name, session: null, run: null }) }, "all its runs")],
    ]),
    tokens(item.token_usage, item.usage_by_model, item.is_capped),
    calls(item.tool_calls, item.tool_errors),
    item.tools_granted.length > 0 &&
      part(
        "Tools granted",
        h(
          "p",
          { class: "chips" },
          item.tools_granted.map((tool) => h("span", { class: "chip" }, tool)),
        ),
      ),
    object("Task", item.task_metadata),
    object("Output", item.output_metrics),
    object("Measured", item.performance_metrics),
  );
}

const part = (title, ...content) => h("section", null, h("h3", null, title), ...content);

// Unknown values are not listed.
function facts(rows) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "–");
  return h(
    "dl",
    { class: "facts" },
    known.map(([name, value, title]) =>
      h(
        "div",
        null,
        h("dt", null, name),
        h("dd", { title }, value.nodeType ? value : String(value)),
      ),
    ),
  );
}

function error({ type, message, stack_trace, ...rest }) {
  return h(
    "section",
    { class: "error" },
    h("h3", null, type ?? "Error"),
    message && h("p", null, String(message)),
    stack_trace && h("pre", { tabindex: "0" }, String(stack_trace)),
    Object.keys(rest).length > 0 && h("pre", { tabindex: "0" }, JSON.stringify(rest, null, 2)),
  );
}

function tokens(usage, models, isCapped) {
  if (!usage) return null;
  const rows = [
    ["Input", count(usage.input_tokens)],
    ["Output", count(usage.output_tokens)],
    ["Cache read", count(usage.cache_read_tokens)],
    ["Cache write", count(usage.cache_write_tokens)],
    ["Total", count(usage.total_tokens)],
    ["Cost", usage.estimated_cost === null ? "price not known" : dollars(usage.estimated_cost)],
  ];
  if (isCapped) rows.push(["Cut", "to the most that a run counts for"]);
  const by = Object.entries(models ?? {}).map(([model, used]) => [
    model,
    `${count(used.requests ?? 0)} requests`,
  ]);
  return part("Tokens", facts([...rows, ...by]));
}

function calls(of, errors) {
  const rows = Object.entries(of ?? {}).sort(([, a], [, b]) => b - a);
  if (!rows.length) return null;
  const most = rows[0][1] || 1;
  return part(
    errors ? `Tool calls, ${count(errors)} failed` : "Tool calls",
    h(
      "ul",
      { class: "bars line" },
      rows.map(([tool, n]) =>
        h(
          "li",
          null,
          h("span", { class: "name" }, tool),
          bar(n / most),
          h("span", { class: "num" }, count(n)),
        ),
      ),
    ),
  );
}

function object(title, of) {
  const rows = Object.entries(of ?? {}).map(([name, value]) => [
    name.replaceAll("_", " "),
    value !== null && typeof value === "object" ? JSON.stringify(value) : value,
  ]);
  return rows.some(([, value]) => value !== null) ? part(title, facts(rows)) : null;
}
