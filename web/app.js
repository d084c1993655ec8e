// The start: views first, so that data finds its place.

import * as keys from "./keys.js";
import * as live from "./live.js";
import * as reports from "./reports.js";
import { readRoute } from "./state.js";
import * as agents from "./views/agents.js";
import * as alerts from "./views/alerts.js";
import * as cards from "./views/cards.js";
import * as help from "./views/help.js";
import * as key from "./views/key.js";
import * as later from "./views/later.js";
import * as link from "./views/link.js";
import * as ranges from "./views/ranges.js";
import * as run from "./views/run.js";
import * as running from "./views/running.js";
import * as runs from "./views/runs.js";
import * as session from "./views/session.js";
import * as sessions from "./views/sessions.js";
import * as theme from "./views/theme.js";
import * as timeline from "./views/timeline.js";
import * as tools from "./views/tools.js";
import * as types from "./views/types.js";

readRoute();
const views = [
  theme,
  ranges,
  link,
  cards,
  running,
  timeline,
  types,
  agents,
  tools,
  runs,
  sessions,
  alerts,
  session,
  run,
  later,
  key,
  help,
];
for (const view of views) view.start();
addEventListener("hashchange", readRoute);
addEventListener("popstate", readRoute);
keys.start();
reports.start();
live.start();
