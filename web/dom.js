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
