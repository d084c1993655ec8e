// Executions by the time of their end: by the minute, the hour or the day.

import { Chart, DAY_S, HOUR_S, MINUTE_S, byDay } from "../chart.js";
import { body, fill, note, quiet } from "../dom.js";
import { count } from "../format.js";
import { DAYS } from "../reports.js";
import { on, state } from "../state.js";
import { known } from "./panel.js";

const HEIGHT = 410;

let chart = null;

export function start() {
  on("timeline", show);
  // Minutes end also while nothing does.
  setInterval(() => document.hidden || state.range !== "1h" || show(), 60_000);
}

function show() {
  const data = known("timeline", clear);
  if (!data) return;
  const { range } = state.reports.timeline;
  const [points, step, unit] =
    range === "1h"
      ? [minutes(data), MINUTE_S, "minute"]
      : range === "30d"
        ? [byDay(data.daily, DAYS[range], data.today, day), DAY_S, "day"]
        : [data.timeline.map(hour), HOUR_S, "hour"];
  note("timeline", `by the ${unit}`);
  const total = points.reduce((sum, point) => sum + point.executions, 0);
  if (!total) {
    clear();
    return fill(body("timeline"), quiet("No execution ended in this range."));
  }
  chart ??= new Chart(body("timeline"), HEIGHT);
  chart.show(points, step, `${count(total)} executions`);
}

function clear() {
  chart?.end();
  chart = null;
}

const hour = (point) => ({
  ...point,
  at: Date.parse(point.timestamp) / 1000,
  dominant: point.dominant_agent_type,
});

const day = (row) => ({ executions: row.total_executions, success_rate: row.success_rate });

// The report of the hour is one point, so minutes are made of its executions, which are newest
// first. Of an hour with more than a page of them those minutes are shown that are whole.
function minutes({ executions, next_cursor }) {
  const minute = (time) => Math.floor(time / 60_000) * MINUTE_S;
  const now = minute(Date.now());
  const ends = executions.map((run) => minute(Date.parse(run.execution_end)));
  const begin = next_cursor ? ends[ends.length - 1] + MINUTE_S : Math.floor(now / HOUR_S) * HOUR_S;
  const points = [];
  for (let at = begin; at <= now; at += MINUTE_S) {
    const runs = executions.filter((_, i) => ends[i] === at);
    const timed = runs.filter((run) => run.duration_ms !== null);
    points.push({
      at,
      executions: runs.length,
      success_rate: runs.filter((run) => run.status === "success").length / (runs.length || 1),
      avg_duration_ms: timed.length
        ? Math.round(timed.reduce((sum, run) => sum + run.duration_ms, 0) / timed.length)
        : null,
    });
  }
  return points;
}
