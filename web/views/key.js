// Asks for a key where the daemon does. It is kept for this tab only.

import { setKey } from "../api.js";
import { $, fill, h } from "../dom.js";
import { retry } from "../live.js";
import { touch } from "../reports.js";
import { on } from "../state.js";

const sheet = $("#key");

export function start() {
  on("locked", () => {
    if (!sheet.open) sheet.showModal();
  });
  const input = h("input", {
    id: "key-input",
    type: "password",
    required: true,
    autocomplete: "current-password",
    "aria-label": "API key",
  });
  const submit = (event) => {
    event.preventDefault();
    setKey(input.value.trim());
    input.value = "";
    sheet.close();
    retry();
    touch();
  };
  fill(
    sheet,
    h("div", { class: "sheet-head" }, h("h2", { id: "key-title" }, "This daemon asks for a key")),
    h(
      "form",
      { class: "sheet-body", onsubmit: submit },
      h("p", null, "One that may read: ", h("code", null, "agentpulse key create"), "."),
      input,
      h("button", { type: "submit" }, "Open"),
    ),
  );
}
