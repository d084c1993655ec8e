// The keyboard: ranges, theme, help, and the arrows within a list.

import { $ } from "./dom.js";
import { cycle } from "./views/theme.js";
import { open as openHelp } from "./views/help.js";
import { RANGES, go } from "./state.js";

const ROWS = "[data-row]";

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, textarea");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (move(event)) return event.preventDefault();
    if (document.querySelector("dialog[open]")) return;
    const range = RANGES[Number(event.key) - 1];
    if (range) go({ range }, { replace: true });
    else if (event.key === "t") cycle();
    else if (event.key === "?") openHelp();
    else if (event.key === "d") go({ view: "definitions" });
    else if (event.key === "n") go({ view: "network" });
    else if (event.key === "g") $(`#running ${ROWS}`)?.focus();
    else if (event.key === "e") $(`#errors ${ROWS}`)?.focus();
    else if (event.key === "s") $(`#sessions ${ROWS}`)?.focus();
    else if (event.key === "/") {
      event.preventDefault();
      $("#agent-filter")?.focus();
    }
  });
}

// From row to row of the list that has the focus.
function move({ key, target }) {
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[key];
  const row = step && target.closest(ROWS);
  if (!row) return false;
  const rows = [...row.closest(".panel, dialog").querySelectorAll(ROWS)];
  rows[rows.indexOf(row) + step]?.focus();
  return true;
}
