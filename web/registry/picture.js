// The network of agents as a picture: who launches whom, and who works in the same sessions.

import { count, dollars, percent, short, span } from "../format.js";
import { h } from "../dom.js";
import { chosen, layout, way } from "./layout.js";
import { agentAddress, showAgents } from "./parts.js";

const SVG = "http://www.w3.org/2000/svg";
const MAX_PAIRS = 30;
// Of the launches of an agent, so many are named where it is pointed at.
const LISTED = 3;
// Up to so many launches, the number of each stands at its line.
const FEW = 24;
const WIDTH = [1, 6];
const MAX_BEND = 60;
const HINT = "Point at an agent, or go there with Tab and the arrows: here are its numbers.";

function s(tag, props, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Also says what is left out.
export function picture(network, width) {
  const { shown, of } = chosen(network);
  const names = new Set(shown.map((node) => node.agent_name));
  const among = network.edges.filter(({ parent, child }) => names.has(parent) && names.has(child));
  const edges = among.filter(({ parent, child }) => parent !== child);
  const launching = new Set(edges.flatMap(({ parent, child }) => [parent, child]));
  // Those of one tree of launches work in the same sessions anyway.
  const pairs = network.together.filter(
    ({ first, second }) =>
      names.has(first) && names.has(second) && !(launching.has(first) && launching.has(second)),
  );
  const drawn = layout(shown, edges, width);
  const most = Math.max(1, ...edges.map((edge) => edge.launches));
  const nodeOf = new Map(shown.map((node) => [node.agent_name, node]));
  const readout = h("p", { class: "readout" }, HINT);
  const svg = s(
    "svg",
    {
      width: drawn.width,
      height: drawn.height,
      viewBox: `0 0 ${drawn.width} ${drawn.height}`,
      class: edges.length > FEW ? "" : "few",
      role: "group",
      "aria-label": `${count(shown.length)} agents, ${count(edges.length)} kinds of launches`,
    },
    s("path", { class: "divided", d: drawn.divided ? `M0 ${drawn.divided}H${drawn.width}` : "" }),
    ...pairs.slice(0, MAX_PAIRS).map((pair) => together(pair, drawn.places)),
    ...edges.map((edge) => launch(edge, drawn, edge.launches / most)),
    ...[...drawn.places].map(([name, place]) =>
      agent(nodeOf.get(name), place, drawn.column, words(nodeOf.get(name), network)),
    ),
  );
  const place = h("div", { class: "network" }, svg);
  follow(place, svg, readout, drawn.places);
  const left = [
    [of - shown.length, "agents with fewer executions"],
    [network.edges.length - among.length, "launches of them"],
    [pairs.length - MAX_PAIRS, "pairs with fewer sessions"],
  ].filter(([n]) => n > 0);
  return [
    h("section", null, readout, place),
    left.length > 0 &&
      h(
        "p",
        { class: "below" },
        `Not drawn: ${left.map(([n, of_what]) => `${count(n)} ${of_what}`).join(", ")}.`,
      ),
  ];
}

const times = (n) => (n === 1 ? "once" : `${count(n)} times`);

// What is said of an agent that is pointed at.
function words({ agent_name: name, executions, ...did }, { edges }) {
  const others = edges.filter(({ parent, child }) => parent === name && child !== name);
  const by = edges.filter(({ parent, child }) => child === name && parent !== name);
  const itself = edges.find(({ parent, child }) => child === name && parent === name);
  return [
    name,
    executions ? `${count(executions)} executions` : "no execution counted",
    executions > 0 && `${percent(did.success_rate)} success`,
    executions > 0 && `${short(did.total_tokens)} tokens, ${dollars(did.estimated_cost)}`,
    others.length > 0 && `launched ${listed(others, "child")}`,
    by.length > 0 && `was launched by ${listed(by, "parent")}`,
    itself && `launched itself ${times(itself.launches)}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

// The most frequent of these launches, each with its number.
function listed(edges, end) {
  const said = edges.slice(0, LISTED).map((edge) => `${edge[end]} ${times(edge.launches)}`);
  const more = edges.length - said.length;
  return `${said.join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}`;
}

// Names of one kind differ at their ends.
function cut(name, most) {
  const letters = [...name];
  if (letters.length <= most) return name;
  const half = Math.floor((most - 1) / 2);
  return [...letters.slice(0, half), "…", ...letters.slice(-half)].join("");
}

// A circle by its executions; the part of it without success is red.
function agent(node, { x, y, r }, column, said) {
  const { agent_name: name, executions, success_rate } = node;
  const numbers = executions ? `${count(executions)} · ${percent(success_rate)}` : "–";
  return s(
    "a",
    {
      href: agentAddress(name),
      class: executions ? "node" : "node none",
      tabindex: -1,
      "aria-label": said,
      "data-row": "",
      "data-key": name,
      "data-name": name,
    },
    s("circle", { cx: x, cy: y, r }),
    s("circle", {
      class: "failed",
      cx: x,
      cy: y,
      r: r / 2,
      transform: `rotate(-90 ${x} ${y})`,
      pathLength: 100,
      "stroke-width": r,
      "stroke-dasharray": `${executions ? 100 * (1 - success_rate) : 0} 100`,
    }),
    s("text", { x, y: y + r + 14 }, cut(name, Math.floor((column - 30) / 6.6))),
    s("text", { class: "numbers", x, y: y + r + 27 }, numbers),
  );
}

// A line by its launches, with an arrow; the part of its width without success is red.
function launch({ parent, child, launches, success_rate, p50_duration_ms }, drawn, share) {
  const points = way(drawn.places.get(parent), drawn.places.get(child), drawn);
  const [tip, before] = [points.at(-1), points.at(-2)];
  const wide = WIDTH[0] + (WIDTH[1] - WIDTH[0]) * Math.sqrt(share);
  const size = Math.sign(tip[0] - before[0]) * (4 + wide);
  const d = curve([...points.slice(0, -1), [tip[0] - size, tip[1]]]);
  const half = 2 + wide / 2;
  const said =
    `${parent} launched ${child} ${times(launches)} · ${percent(success_rate)} success` +
    ` · median ${span(p50_duration_ms)}`;
  return s(
    "g",
    { class: "launch", "data-ends": JSON.stringify([parent, child]), "data-says": said },
    s("path", { d, "stroke-width": wide }),
    s("path", { d, class: "failed", "stroke-width": wide * (1 - success_rate) }),
    s("path", { class: "arrow", d: `M${tip[0]} ${tip[1]}l${-size} ${half}v${-2 * half}Z` }),
    // Where lines that began together are apart.
    s(
      "text",
      {
        class: "numbers",
        x: before[0] + 0.7 * (tip[0] - before[0]),
        y: before[1] + 0.84 * (tip[1] - before[1]) + 4,
      },
      count(launches),
    ),
  );
}

// Level at each of its points.
function curve([[x, y], ...more]) {
  let d = `M${x} ${y}`;
  for (const [to_x, to_y] of more) {
    const middle = (x + to_x) / 2;
    d += `C${middle} ${y} ${middle} ${to_y} ${to_x} ${to_y}`;
    [x, y] = [to_x, to_y];
  }
  return d;
}

function together({ first, second, sessions }, places) {
  const [a, b] = [places.get(first), places.get(second)];
  // Bent upward a little, so that it does not lie on what stands between.
  const bend = (far) => Math.min(MAX_BEND, Math.abs(far) * 0.12);
  const [x, y] = [(a.x + b.x) / 2 - bend(b.y - a.y), (a.y + b.y) / 2 - bend(b.x - a.x)];
  return s("path", {
    class: "together",
    d: `M${a.x} ${a.y}Q${x} ${y} ${b.x} ${b.y}`,
    "data-ends": JSON.stringify([first, second]),
    "data-says": `${first} and ${second} worked in ${count(sessions)} sessions together`,
  });
}

// What is pointed at is said, and all that does not touch it fades.
function follow(place, svg, readout, places) {
  const nodes = [...svg.querySelectorAll("[data-name]")];
  const lines = [...svg.querySelectorAll("[data-ends]")];
  const ends = new Map(lines.map((line) => [line, JSON.parse(line.dataset.ends)]));
  let pointed = null;
  const show = (at) => {
    const on = at?.closest("[data-name], [data-ends]") ?? null;
    if (on === pointed) return;
    pointed = on;
    readout.textContent = on ? (on.dataset.says ?? on.getAttribute("aria-label")) : HINT;
    svg.classList.toggle("chosen", on !== null);
    const near = lines.filter((line) => line === on || ends.get(line).includes(on?.dataset.name));
    const touched = new Set([on?.dataset.name, ...near.flatMap((line) => ends.get(line))]);
    for (const line of lines) line.classList.toggle("near", near.includes(line));
    for (const node of nodes) node.classList.toggle("near", touched.has(node.dataset.name));
  };
  const focused = () => (place.contains(document.activeElement) ? document.activeElement : null);
  // Tab goes to one of them, the arrows to the others.
  let inTurn = nodes[0];
  const turn = (node) => {
    inTurn.setAttribute("tabindex", -1);
    inTurn = node;
    inTurn.setAttribute("tabindex", 0);
  };
  turn(inTurn);
  place.addEventListener("pointerover", ({ target }) =>
    show(target.closest("[data-name], [data-ends]") ?? focused()),
  );
  place.addEventListener("pointerleave", () => show(focused()));
  place.addEventListener("focusin", ({ target }) => {
    turn(target);
    show(target);
  });
  place.addEventListener("focusout", () => show(null));
  place.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    beside(event.target, step)?.focus();
  });
  const beside = (node, step) => {
    const { x, y } = places.get(node.dataset.name);
    const far = (other) => {
      const to = places.get(other.dataset.name);
      return (to.x - x) * step > 0 ? 3 * (to.x - x) * step + Math.abs(to.y - y) : Infinity;
    };
    const nearest = nodes.reduce((best, other) => (far(other) < far(best) ? other : best));
    return far(nearest) < Infinity ? nearest : null;
  };
  // A finger cannot point: its first touch does, the second one opens.
  let touched = null;
  place.addEventListener("click", (event) => {
    const node = event.target.closest("a");
    if (node && event.pointerType === "touch" && node !== touched) {
      event.preventDefault();
      node.focus();
    } else if (node) showAgents(event);
    touched = node;
  });
}
