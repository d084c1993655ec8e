// Where the numbers come from, and how old they are. An offline page says so first.

import { read } from "../api.js";
import { $, fill, h, text } from "../dom.js";
import { clockSpan, moment } from "../format.js";
import { retry } from "../live.js";
import { on, state } from "../state.js";

const WORDS = {
  loading: "Loading",
  live: "Live",
  polling: "Polling every 2 s",
  offline: "Disconnected",
  locked: "Locked",
};

let name = "";
let version = null;
let outdated = false;
let shown = "";

export function start() {
  on("link", () => {
    if (state.link === "live" || state.link === "polling") checkVersion();
    show();
  });
  on("agents", about);
  on("tick", show);
  show();
}

function show() {
  const { link, source } = state;
  const history = source === "history" && (link === "live" || link === "polling");
  const root = document.documentElement;
  mark(root, "link", link);
  mark(root, "source", history ? "history" : "live");
  text($("#link .words"), history ? "From history" : WORDS[link]);
  banner(...words(link, history));
}

// Once a second nothing changes, and nothing is to be styled again.
function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

// What it says, and the button that it has.
function words(link, history) {
  if (link === "offline") {
    const age = Date.now() - state.silentSince;
    const since = state.silentSince
      ? `No answer for ${clockSpan(age)}. What you see is from ${moment(state.silentSince)}.`
      : "The daemon does not answer.";
    const wait = Math.ceil((state.retryAt - Date.now()) / 1000);
    const next = wait > 0 ? `Trying again in ${wait} s.` : "Trying again…";
    return [`${since} ${next}`, "Try now", retry, "bad"];
  }
  if (history) {
    return [
      "From history: the live view (Redis) is away. Nothing is lost; numbers may be a few " +
        "seconds old, and what runs may lack its tool and progress.",
      null,
      null,
      "warn",
    ];
  }
  if (outdated) {
    return [
      "The daemon is another version than this page.",
      "Reload",
      () => location.reload(),
      "warn",
    ];
  }
  return [""];
}

function banner(words, label, action, kind) {
  const element = $("#banner");
  // Once a second only the words change: a button that has the focus stays.
  const shape = `${label} ${kind} ${Boolean(words)}`;
  if (shape !== shown) {
    shown = shape;
    element.hidden = !words;
    element.className = `banner ${kind ?? ""}`;
    const button = label && h("button", { type: "button", onclick: action }, label);
    fill(element, h("span", { class: "words" }), button);
  }
  const span = $(".words", element);
  if (span) text(span, words);
}

function about() {
  const zone = state.reports.agents?.data?.time_zone;
  const days = zone ? ` · days are those of ${zone}, clock times are yours` : "";
  text($("#about"), version ? `${name} ${version}${days}` : "");
}

async function checkVersion() {
  try {
    const { data } = await read("version");
    outdated = version !== null && version !== data.version;
    version ??= data.version;
    name = data.name;
    about();
  } catch {
    /* the next connection asks again */
  }
  show();
}
