// Elements without markup: names come from outside, so text only ever becomes a text node.

export const $ = (selector, root = document) => root.querySelector(selector);

// h("a", {class: "x", href: "#", title: "…", onclick: f}, "text", element, null)
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

// Replaces what an element holds, and keeps the focus on the link that had it.
export function fill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.key;
  element.replaceChildren();
  append(element, children);
  if (key) $(`[data-key="${CSS.escape(key)}"]`, element)?.focus({ preventScroll: true });
}

// Of each place, its rows by their keys.
const drawn = new WeakMap();

// The children of an element, each as [key, what it says, how it is made]. One that says the same
// as before stays as it is, so that little is drawn again.
export function rows(place, wanted) {
  const before = drawn.get(place) ?? new Map();
  const now = new Map();
  for (const [key, says, make] of wanted) {
    const old = before.get(key);
    now.set(key, old?.says === says ? old : { says, element: make() });
  }
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.key;
  for (const [key, row] of before) if (now.get(key) !== row) row.element.remove();
  let next = place.firstChild;
  for (const { element } of now.values()) {
    if (element === next) next = next.nextSibling;
    else place.insertBefore(element, next);
  }
  drawn.set(place, now);
  if (key && document.activeElement !== focused) {
    $(`[data-key="${CSS.escape(key)}"]`, place)?.focus({ preventScroll: true });
  }
}

// The place of rows within a panel, which has nothing else; `make` makes it.
export function list(panel, make) {
  const found = body(panel).firstElementChild;
  if (found && drawn.has(found)) return found;
  const place = make();
  drawn.set(place, new Map());
  fill(body(panel), place);
  return place;
}

export function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

// A bar whose length is a share of 0..1. The policy forbids style attributes, not the CSSOM.
export function bar(share, kind = "") {
  const inner = h("span", { class: `bar-fill ${kind}` });
  inner.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, inner);
}

export const quiet = (...words) => h("p", { class: "quiet" }, ...words);

export const note = (panel, words) => text($(`#${panel} .note`), words);

export const body = (panel) => $(`#${panel} .body`);
