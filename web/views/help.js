// The keys, in a sheet.

import { $, fill, h } from "../dom.js";

const KEYS = [
  ["1 … 5", "1 h, 6 h, 24 h, 7 days, 30 days"],
  ["g", "to what runs now"],
  ["s", "to the sessions"],
  ["e", "to the errors"],
  ["/", "filter the agents"],
  ["↑ ↓ or k j", "from row to row"],
  ["Enter", "open the run, the session or the agent"],
  ["Esc", "close"],
  ["t", "theme: system, light, dark"],
  ["?", "this"],
];

const sheet = $("#help");

export function start() {
  $("#help-open").addEventListener("click", open);
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  fill(
    sheet,
    h(
      "form",
      { method: "dialog", class: "sheet-head" },
      h("h2", { id: "help-title" }, "Keyboard"),
      h("button", { class: "icon-button", "aria-label": "Close" }, "✕"),
    ),
    h(
      "dl",
      { class: "keys" },
      KEYS.map(([key, words]) =>
        h("div", null, h("dt", null, h("kbd", null, key)), h("dd", null, words)),
      ),
    ),
  );
}

export function open() {
  sheet.showModal();
}
