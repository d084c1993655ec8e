// What every sheet has: a head with its title, a way to close it, a place in the address.

import { Refused } from "./api.js";
import { fill, h, quiet } from "./dom.js";
import { go, state } from "./state.js";

// Escape, or a click on what lies behind, closes it; then it leaves the address.
export function closes(sheet, part) {
  sheet.addEventListener("close", () => state[part] && go({ [part]: null }));
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
}

export function frame(sheet, title, ...content) {
  fill(
    sheet,
    h(
      "form",
      { method: "dialog", class: "sheet-head" },
      h("h2", { id: `${sheet.id}-title` }, title),
      h(
        "button",
        { class: "icon-button", "aria-label": "Close", title: "Close (Esc)", "data-key": "close" },
        "✕",
      ),
    ),
    h("div", { class: "sheet-body" }, ...content),
  );
}

export const whyNot = (error) =>
  quiet(error instanceof Refused ? `${error.message}.` : "The daemon does not answer.");
