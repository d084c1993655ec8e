// Views that are not opened every day: their files are read when the first of them is opened.

import { go, on, state } from "../state.js";

let isAsked = false;

export function start() {
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => go({ view: button.dataset.view }));
  }
  on("view definition", load);
  load();
}

async function load() {
  if (isAsked || !(state.view || state.definition)) return;
  isAsked = true;
  try {
    const registry = await import("../registry/start.js");
    await registry.start();
  } catch {
    isAsked = false;
    go({ view: null, definition: null }, { replace: true });
  }
}
