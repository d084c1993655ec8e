// Executions over time by uPlot, as wide as their place, with the point under the cursor in words.

import { h, text } from "./dom.js";
import { count, hourMinute, percent, span } from "./format.js";

export const MINUTE_S = 60;
export const HOUR_S = 3_600;
export const DAY_S = 86_400;

const charts = new Set();

// Canvases do not follow style sheets: a hidden element has the current colour.
const probe = document.body.appendChild(h("i", { hidden: true }));
function colour(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

export function repaint() {
  for (const chart of charts) chart.draw();
}

// A date stands where its day of UTC begins, whatever zone it is of.
const dateOf = (s) => new Date(s * 1000).toISOString().slice(0, 10);

// A point a day up to today, a date; `of` makes it of the day's row, which quiet days lack.
export function byDay(rows, days, today, of) {
  const found = new Map(rows.map((row) => [row.date, row]));
  const last = Date.parse(today) / 1000;
  return Array.from({ length: days }, (_, i) => {
    const at = last - (days - 1 - i) * DAY_S;
    const row = found.get(dateOf(at));
    return { at, executions: 0, success_rate: 0, avg_duration_ms: null, ...(row && of(row)) };
  });
}

// A point is {at (its beginning, in seconds), executions, success_rate, avg_duration_ms, dominant}.
export class Chart {
  constructor(root, height) {
    this.height = height;
    this.words = h("span");
    this.key = h(
      "span",
      { class: "legend" },
      ["executions", "without success", "average duration"].map((name, i) =>
        h("span", { class: `key-${i}` }, name),
      ),
    );
    this.place = h("div", { class: "chart", role: "img" });
    root.replaceChildren(h("p", { class: "readout" }, this.words, this.key), this.place);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.place);
    charts.add(this);
  }

  end() {
    this.watcher.disconnect();
    this.plot?.destroy();
    charts.delete(this);
  }

  // `step` is how many seconds a point covers.
  show(points, step, summary) {
    const timed = points.some((point) => point.avg_duration_ms);
    const same =
      this.step === step && this.points?.length === points.length && this.timed === timed;
    Object.assign(this, { points, step, summary, timed });
    this.key.lastChild.hidden = !timed;
    this.data = [
      points.map((point) => point.at),
      points.map((point) => point.executions),
      points.map((point) => Math.round(point.executions * (1 - point.success_rate))),
      // No duration was known.
      points.map((point) => point.avg_duration_ms || null),
    ];
    this.place.setAttribute("aria-label", summary);
    text(this.words, summary);
    if (same) this.plot.setData(this.data);
    else this.draw();
  }

  draw() {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.data, this.place);
  }

  resize() {
    const width = this.place.clientWidth;
    if (this.plot && width && width !== this.plot.width) {
      this.plot.setSize({ width, height: this.height });
    }
  }

  options() {
    const { step, points } = this;
    const days = (points.length * step) / DAY_S;
    const axis = (more) => ({
      stroke: () => colour("--muted"),
      ticks: { show: false },
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
      grid: { stroke: () => colour("--line"), width: 1 },
      ...more,
    });
    const bars = (fill) => ({
      fill: () => colour(fill),
      width: 0,
      points: { show: false },
      paths: uPlot.paths.bars({ size: [0.76, 34], align: 1, radius: 0.15 }),
    });
    const tick = (s) => {
      if (step === DAY_S) return dateOf(s).slice(5);
      return days > 1
        ? `${new Date(s * 1000).getMonth() + 1}/${new Date(s * 1000).getDate()}`
        : hourMinute(s * 1000);
    };
    return {
      width: this.place.clientWidth || 600,
      height: this.height,
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false } },
      scales: {
        x: { time: step < DAY_S, range: (u, min, max) => [min, max + step] },
        y: { range: (u, min, max) => [0, Math.max(4, max * 1.08)] },
        ms: { range: (u, min, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
      },
      axes: [
        axis({
          grid: { show: false },
          space: 56,
          values: (u, at) => at.map(tick),
          ...(days > 1 && { incrs: [1, 2, 5, 10].map((n) => n * DAY_S) }),
        }),
        axis({ size: 46, values: (u, at) => at.map((n) => (Number.isInteger(n) ? count(n) : "")) }),
        axis({
          scale: "ms",
          show: this.timed,
          side: 1,
          size: 62,
          grid: { show: false },
          incrs: NICE_MS,
          values: (u, at) => at.map((ms) => (ms ? span(ms) : "")),
        }),
      ],
      series: [
        {},
        bars("--bar"),
        bars("--bad-bar"),
        {
          scale: "ms",
          stroke: () => colour("--mark"),
          width: 1.5,
          paths: (u, row, from, to) => ({ stroke: steps(u, row, from, to, step) }),
          points: { show: false },
        },
      ],
      hooks: { setCursor: [(u) => this.read(u.cursor.idx, u.cursor.left)] },
    };
  }

  // A bar reaches from its moment to the next: the nearest moment may be the next one.
  read(nearest, left) {
    if (nearest === null || nearest === undefined || left < 0)
      return text(this.words, this.summary);
    const later = nearest > 0 && this.data[0][nearest] > this.plot.posToVal(left, "x");
    text(this.words, this.describe(this.points[later ? nearest - 1 : nearest]));
  }

  label({ at }) {
    if (this.step === DAY_S) return dateOf(at);
    const time = hourMinute(at * 1000);
    if (this.points.length * this.step <= DAY_S) return time;
    return `${new Date(at * 1000).toLocaleDateString("en", { weekday: "short" })} ${time}`;
  }

  describe(point) {
    const { executions, success_rate, avg_duration_ms, dominant } = point;
    if (!executions) return `${this.label(point)} · none`;
    const parts = [this.label(point), count(executions), `${percent(success_rate)} success`];
    if (avg_duration_ms) parts.push(`${span(avg_duration_ms)} on average`);
    if (dominant) parts.push(`mostly ${dominant}`);
    return parts.join(" · ");
  }
}

// A level a point, as long as the point; uPlot's own steps leave out the last one.
function steps(u, row, from, to, step) {
  const path = new Path2D();
  for (let i = from; i <= to; i += 1) {
    const ms = u.data[row][i];
    if (ms === null) continue;
    const [begin, end] = [0, step].map((s) => u.valToPos(u.data[0][i] + s, "x", true));
    const y = u.valToPos(ms, "ms", true);
    if (i > from && u.data[row][i - 1] !== null) path.lineTo(begin, y);
    else path.moveTo(begin, y);
    path.lineTo(end, y);
  }
  return path;
}

// Whole steps of a clock: 100 ms to 4 h.
const NICE_MS = [
  1, 5, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
  600_000, 1_200_000, 3_600_000, 14_400_000, 86_400_000,
];
