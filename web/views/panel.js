// What every panel of a report has in common: until it is read, and when it cannot be read again.

import { body, fill, quiet, $ } from "../dom.js";
import { state } from "../state.js";

// The data of a report, or nothing when there is nothing to draw now.
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
