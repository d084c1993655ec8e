// Which tools were called, and which of them together.

import { bar, body, fill, h, note, quiet } from "../dom.js";
import { count, percent, short } from "../format.js";
import { on } from "../state.js";
import { known } from "./panel.js";

const SHOWN = 12;

export function start() {
  on("tools", show);
}

function show() {
  const report = known("tools");
  if (!report) return;
  const { period, tools, insights } = report;
  note("tools", period.replace("/", " to "));
  if (!tools.length) return fill(body("tools"), quiet("No tool was called in this range."));
  fill(
    body("tools"),
    h(
      "ul",
      { class: "bars line" },
      tools.slice(0, SHOWN).map((tool) =>
        h(
          "li",
          {
            title:
              `${count(tool.usage_count)} calls, ${percent(tool.percentage)}, ` +
              `${tool.avg_per_execution.toFixed(2)} an execution, by ${tool.agents_using.join(", ")}`,
          },
          h("span", { class: "name" }, tool.name),
          bar(tool.usage_count / tools[0].usage_count),
          h("span", { class: "num" }, short(tool.usage_count)),
        ),
      ),
    ),
    tools.length > SHOWN && quiet(`and ${tools.length - SHOWN} more`),
    insights.high_correlation.length > 0 &&
      h(
        "p",
        { class: "chips" },
        h("span", { class: "below" }, "Used together more often than by chance"),
        insights.high_correlation.map(([a, b]) => h("span", { class: "chip" }, `${a} + ${b}`)),
      ),
  );
}
