// What the views of definitions share.

import { $, h } from "../dom.js";
import { href } from "../state.js";

// Reads one after the other: once more if it was asked for meanwhile.
export function oneByOne(read) {
  let isReading = false;
  let isAsked = false;
  return async () => {
    isAsked = true;
    if (isReading) return;
    isReading = true;
    while (isAsked) {
      isAsked = false;
      await read();
    }
    isReading = false;
  };
}

export const figure = (title, value, name, of) =>
  h(
    "div",
    { title: of },
    h("dt", null, title),
    h("dd", { class: "num", "data-figure": name }, value),
  );

export const part = (title, ...content) => h("section", null, h("h3", null, title), ...content);

export function table(kind, label, heads, rows) {
  const head = heads.map((name) => h("span", { role: "columnheader" }, name));
  return h(
    "div",
    { class: `table ${kind}`, role: "table", "aria-label": label },
    h("div", { class: "tr head", role: "row" }, head),
    rows,
  );
}

export const row = (...cells) => h("div", { class: "tr", role: "row" }, cells);

export const cell = (words, title) => h("span", { role: "cell", class: "num", title }, words);

export const definitionLink = (id, name) =>
  h("a", { href: href({ definition: id }), "data-row": true, "data-key": id }, name);

export const agentAddress = (name) => href({ agent: name, view: null, definition: null });

// After a click on a link to the panel of agents: it is behind the sheets, and may be out of sight.
export function showAgents({ target }) {
  const show = () => $("#agents").scrollIntoView();
  target.closest("dialog").addEventListener("close", show, { once: true });
}

export const agentLink = (name, words = name) =>
  h("a", { href: agentAddress(name), onclick: showAgents }, words);

// When it was read, and a way to read it now.
export const again = (load) => [
  h("p", { class: "note", "data-read": true, role: "status" }),
  h("button", { type: "button", "data-key": "again", onclick: load }, "Read again"),
];

// The name of a folder.
export const lastOf = (path) => path.split("/").filter(Boolean).at(-1) ?? path;

export const place = ({ scope, project }) => (project ? lastOf(project) : scope);

// A choice of one word, as a labelled list.
export function choice(label, key, all, chosen, take) {
  const options = all.map(([value, words]) =>
    h("option", { value, selected: value === chosen }, words),
  );
  const take_value = (event) => take(event.target.value);
  const list = h("select", { "data-key": key, onchange: take_value }, options);
  return h("label", { class: "choice" }, h("span", null, label), list);
}
