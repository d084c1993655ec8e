// Executions by the type of their agent.

import { bar, body, fill, h, note, quiet } from "../dom.js";
import { count, mean, percent } from "../format.js";
import { on } from "../state.js";
import { LOW_SUCCESS } from "./cards.js";
import { known } from "./panel.js";

const SHOWN = 8;

export function start() {
  on("types", show);
}

function show() {
  const rows = known("types")?.distribution;
  if (!rows) return;
  note("types", rows.length > SHOWN ? `${SHOWN} of ${rows.length}` : "");
  if (!rows.length) return fill(body("types"), quiet("No execution ended in this range."));
  fill(
    body("types"),
    h(
      "ul",
      { class: "bars" },
      rows
        .slice(0, SHOWN)
        .map((row) =>
          h(
            "li",
            { title: row.common_tools.length ? `mostly ${row.common_tools.join(", ")}` : null },
            h("span", { class: "name" }, row.type),
            h("span", { class: "num" }, count(row.count)),
            bar(row.percentage / rows[0].percentage),
            h(
              "span",
              { class: "below" },
              h(
                "span",
                { class: row.success_rate < LOW_SUCCESS ? "bad" : null },
                `${percent(row.success_rate)} success`,
              ),
              ` · ${mean(row.avg_duration_ms)} · ${percent(row.percentage)} of all`,
            ),
          ),
        ),
    ),
  );
}
