// Light, dark, or as the system has it.

import { repaint } from "../chart.js";
import { $, text } from "../dom.js";

const ORDER = ["system", "light", "dark"];
const SIGNS = { system: "◐", light: "☀", dark: "☾" };
const root = document.documentElement;

export function start() {
  $("#theme").addEventListener("click", cycle);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  show();
}

export function cycle() {
  const next = ORDER[(ORDER.indexOf(root.dataset.theme ?? "system") + 1) % ORDER.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    localStorage.setItem("agentpulse.theme", next);
  } catch {
    /* for this page only */
  }
  show();
  repaint();
}

function show() {
  const theme = root.dataset.theme ?? "system";
  const button = $("#theme");
  text(button, SIGNS[theme]);
  button.setAttribute("aria-label", `Theme: ${theme}`);
  button.title = `Theme: ${theme} (t)`;
}
