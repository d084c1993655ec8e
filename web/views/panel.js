// The common part of all panels of reports: until it is read, and if it cannot be read again.

import { body, fill, quiet, $ } from "../dom.js";
import { state } from "../state.js";

// The data of a report, or null if there is nothing to draw now.
export function known(name, clear) {
  const report = state.reports[name];
  $(`#${name}`).classList.toggle("stale", Boolean(report?.failed));
  if (report?.data) return report.data;
  if (report?.failed) {
    clear?.();
    fill(body(name), quiet(`Not read yet: ${report.failed}.`));
  }
  return null;
}
