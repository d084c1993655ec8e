// How many definitions there are, what sessions pay for them, and what is wrong between them.

import { bar, h, quiet } from "../dom.js";
import { count, moment, span } from "../format.js";
import { definitionLink, figure, lastOf, part } from "./parts.js";

// Of all descriptions of a project; beyond it the client warns.
const TOKENS = 15_000;
const PROJECTS = 4;

export function overview({ agent_counts: of, findings, conflicts, projects, watch }) {
  const wrong = findings.error + findings.warning;
  return [
    h(
      "dl",
      { class: "figures" },
      figure("Definitions", count(of.total), "total"),
      figure("Active", count(of.active), "active"),
      figure("Broken", count(of.error), "error", "the client does not load or launch them"),
      figure("Findings", count(wrong), "findings", `and ${count(findings.hint)} hints`),
      figure("Conflicts", count(conflicts), "conflicts"),
      figure(
        "Followed",
        watch.mode === "watch" ? "as files change" : "by scans",
        "watch",
        `${count(watch.places)} places; the last scan began ${moment(watch.last_scan)} ` +
          `and took ${span(watch.scan_ms)}`,
      ),
    ),
    doubts(of, watch),
    budgets(projects),
  ];
}

function doubts({ stale, maintenance }, { is_late, is_cut, unreadable }) {
  const all = [
    maintenance && `${count(maintenance)} are in maintenance.`,
    stale && `${count(stale)} may not be as shown: their folder cannot be read.`,
    unreadable.length && `These folders cannot be read: ${unreadable.join(", ")}.`,
    is_late && "The next scan takes long: a disk does not answer.",
    is_cut && "There are more files than are read.",
  ];
  return all.filter(Boolean).map((words) => h("p", { class: "warn" }, words));
}

function budgets(projects) {
  if (!projects.length) return null;
  const sorted = [...projects].sort((a, b) => b.description_tokens - a.description_tokens);
  const more = sorted.length - PROJECTS;
  return part(
    "Tokens of the descriptions, which each session pays",
    h(
      "ul",
      { class: "bars line" },
      sorted.slice(0, PROJECTS).map(({ project, agents, description_tokens: tokens }) =>
        h(
          "li",
          { title: `${count(agents)} agents` },
          h(
            "span",
            { class: "name", title: project },
            project ? lastOf(project) : "outside of projects",
          ),
          bar(tokens / TOKENS, tokens > TOKENS ? "bad" : ""),
          h("span", { class: "num" }, `${count(tokens)} of ${count(TOKENS)}`),
        ),
      ),
    ),
    more > 0 && quiet(`and ${count(more)} projects with less`),
  );
}

export function conflicts({ conflicts: all, total }) {
  if (!total) return null;
  const more = total - all.length;
  return part(
    `Conflicts (${count(total)})`,
    h("ul", { class: "findings" }, all.map(conflict)),
    more > 0 && quiet(`and ${count(more)} more: agentpulse registry conflicts lists them`),
  );
}

const conflict = ({ agent_id, run_name, ...found }) =>
  finding(found, definitionLink(agent_id, run_name));

// What is wrong, where, and what the client does about it.
export function finding({ severity, code, message, client, file_path, line, column }, link) {
  return h(
    "li",
    null,
    h("span", { class: `status ${severity}` }, severity),
    h(
      "p",
      null,
      link,
      link && " ",
      message,
      client && h("span", { class: "task" }, `; the client ${client}`),
    ),
    h("p", { class: "below" }, h("code", null, `${file_path}:${line}:${column}`), ` ${code}`),
  );
}
