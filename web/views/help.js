// The keys, in a sheet.

import { $, h } from "../dom.js";
import { closes, frame } from "../sheet.js";

const KEYS = [
  ["1 … 5", "1 h, 6 h, 24 h, 7 days, 30 days"],
  ["g", "to what runs now"],
  ["s", "to the sessions"],
  ["e", "to the errors"],
  ["d", "the definitions of agents"],
  ["n", "the network of agents"],
  ["/", "filter the agents"],
  ["↑ ↓ or k j", "from row to row"],
  ["Enter", "open what the row names"],
  ["Esc", "close"],
  ["t", "theme: system, light, dark"],
  ["?", "this"],
];

const sheet = $("#help");

export function start() {
  $("#help-open").addEventListener("click", open);
  closes(sheet);
  frame(
    sheet,
    "Keyboard",
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
