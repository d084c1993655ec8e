// Asks for a key if the daemon does. It is kept for this tab only.

import { setKey } from "../api.js";
import { $, fill, h, text } from "../dom.js";
import { retry } from "../live.js";
import { on } from "../state.js";

const sheet = $("#key");

export function start() {
  const input = h("input", {
    id: "key-input",
    type: "password",
    required: true,
    autocomplete: "current-password",
    "aria-label": "API key",
  });
  const words = h("p", { role: "status" });
  const submit = (event) => {
    event.preventDefault();
    setKey(input.value.trim());
    input.value = "";
    text(words, "That key is not accepted.");
    sheet.close();
    retry();
  };
  fill(
    sheet,
    h("div", { class: "sheet-head" }, h("h2", { id: "key-title" }, "This daemon asks for a key")),
    h(
      "form",
      { class: "sheet-body", onsubmit: submit },
      h("p", null, "One that may read: ", h("code", null, "agentpulse key create NAME --scope read")),
      input,
      words,
      h("button", { type: "submit" }, "Open"),
    ),
  );
  on("locked", () => {
    if (!sheet.open) sheet.showModal();
  });
}
