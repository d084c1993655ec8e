// The definitions of agents and their network: two views in one sheet, and a sheet of one
// definition in front of them.

import { $, h } from "../dom.js";
import { closes } from "../sheet.js";
import { go, on, state } from "../state.js";
import * as definition from "./definition.js";

const VIEWS = new Map([
  ["definitions", () => import("./definitions.js")],
  ["network", () => import("./network.js")],
]);

const made = (id) =>
  h("dialog", { id, class: "sheet large", "aria-labelledby": `${id}-title` });

const sheet = made("view");
const front = made("definition");

export async function start() {
  await style();
  document.body.append(sheet, front);
  closes(sheet, "view");
  closes(front, "definition");
  sheet.addEventListener("keydown", search);
  // The definition is opened after the view, and so stands in front of it.
  let ready = openView();
  on("view", () => (ready = openView()));
  on("definition", () => ready.then(openDefinition));
  on("definitions", () => state.definition && definition.load());
  await ready;
  openDefinition();
}

function style() {
  return new Promise((resolve) => {
    const href = "assets/registry/style.css";
    document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }));
  });
}

async function openView() {
  const of = state.view;
  try {
    const view = await VIEWS.get(of)?.();
    if (of === state.view) open(sheet, view);
  } catch {
    go({ view: null }, { replace: true });
  }
}

function openDefinition() {
  open(front, state.definition && definition);
}

function open(place, view) {
  if (!view) return place.open && place.close();
  view.open(place);
  if (!place.open) place.showModal();
}

function search(event) {
  if (event.key !== "/" || event.target.matches("input")) return;
  event.preventDefault();
  $("input", sheet)?.focus();
}
