// The firing alerts. A daemon without alerts answers 404, and shows none.

import { Refused, read } from "../api.js";
import { $, fill, h } from "../dom.js";
import { ago, moment } from "../format.js";
import { changed, on, serverNow, state } from "../state.js";

const EVERY_MS = 15_000;

let timer = 0;

export function start() {
  on("alert", load);
  on("alerts", show);
  load();
}

async function load() {
  clearTimeout(timer);
  timer = setTimeout(load, EVERY_MS);
  if (state.link === "locked") return;
  try {
    const { data } = await read("api/agents/alerts");
    // Their ages move by themselves.
    if (data.alerts === state.alerts && !data.alerts.length) return;
    state.alerts = data.alerts;
    state.budgets = data.budgets;
    changed("alerts");
  } catch (error) {
    if (error instanceof Refused && error.status === 404) clearTimeout(timer);
  }
}

function show() {
  const firing = state.alerts.filter((alert) => alert.state === "firing");
  const place = $("#alerts");
  place.hidden = firing.length === 0;
  fill(
    place,
    firing.map(({ rule, severity, subject, message, since }) =>
      h(
        "p",
        { class: `alert ${severity}` },
        h("strong", null, rule.replaceAll("_", " ")),
        h("span", null, subject === null ? message : `${subject}: ${message}`),
        h("span", { class: "num", title: moment(since) }, ago(since, serverNow())),
      ),
    ),
  );
}
