// Where agents stand in the picture of their network. The same numbers give the same picture.
//
// Those that launch stand left of those that they launch; where two launch each other, the one that
// does so more often. Below stand those that neither launch nor are launched.

export const MAX_NODES = 60;
const COLUMN = [124, 172, 290];
const ROW = 74;
// From the top of a row to the middle of its circle, and to the gap below its words.
const MIDDLE = 28;
const GAP = 78;
// In one column, as few as let all columns be seen.
const ROWS = [8, 14];
const RADIUS = [5, 16];

// Those with most executions; a parent that has none in these days counts by its launches.
export function chosen({ nodes, edges }) {
  const known = new Set(nodes.map((node) => node.agent_name));
  const outside = new Map();
  for (const { parent, launches } of edges) {
    if (!known.has(parent)) outside.set(parent, (outside.get(parent) ?? 0) + launches);
  }
  const all = [
    ...nodes.map((node) => [node.executions, node]),
    ...[...outside].map(([agent_name, n]) => [n, { agent_name, executions: 0 }]),
  ];
  const order = ([n, a], [m, b]) => m - n || (a.agent_name < b.agent_name ? -1 : 1);
  return { shown: all.sort(order).slice(0, MAX_NODES).map(([, node]) => node), of: all.length };
}

// Of each name its place, column by column; the columns, the size of the whole, and where those
// without launches begin.
export function layout(nodes, edges, width) {
  const forward = withoutCycles(edges);
  const layerOf = layers(forward);
  let rows = ROWS[0];
  let columns = inColumns(nodes, forward, layerOf, rows);
  while (rows < ROWS[1] && columns.length * COLUMN[1] > width) {
    rows += 1;
    columns = inColumns(nodes, forward, layerOf, rows);
  }
  const column = Math.max(COLUMN[0], Math.min(COLUMN[2], Math.floor(width / columns.length)));
  const height = Math.max(0, ...columns.map(({ length }) => length)) * ROW;
  const places = new Map();
  const put = (name, at, y) => places.set(name, { x: (at + 0.5) * column, y: y + MIDDLE });
  const passed = columns.map((names, at) => {
    const top = (height - names.length * ROW) / 2;
    names.forEach((name, i) => put(name, at, top + i * ROW));
    const gaps = [top + 4, ...names.map((_, i) => top + i * ROW + GAP)];
    return { x: (at + 0.5) * column, gaps };
  });
  const loose = nodes.filter((node) => !layerOf.has(node.agent_name));
  const room = Math.max(columns.length, Math.floor(width / column));
  const across = Math.max(1, Math.min(loose.length, room));
  const below = height && height + ROW / 3;
  loose.forEach(({ agent_name: name }, i) =>
    put(name, i % across, below + Math.floor(i / across) * ROW),
  );
  const most = Math.max(1, ...nodes.map((node) => node.executions));
  for (const { agent_name: name, executions } of nodes) {
    places.get(name).r = RADIUS[0] + (RADIUS[1] - RADIUS[0]) * Math.sqrt(executions / most);
  }
  return {
    places,
    column,
    passed,
    width: Math.max(columns.length, loose.length && across) * column,
    height: loose.length ? below + Math.ceil(loose.length / across) * ROW : height,
    divided: loose.length && height ? height + ROW / 6 : 0,
  };
}

// The way of a launch from circle to circle, between the words of the columns that it passes.
// One that goes back begins and ends lower than one that goes forth.
export function way(from, to, { column, passed }) {
  const step = Math.sign(to.x - from.x);
  const [out, down] = step > 0 ? [1, 0] : [0.7, 0.7];
  const start = [from.x + step * out * from.r, from.y + down * from.r];
  const end = [to.x - step * (out * to.r + 2), to.y + down * to.r];
  const between = passed.filter(({ x }) => (x - from.x) * step > 0 && (to.x - x) * step > 0);
  if (step < 0) between.reverse();
  const points = [start];
  for (const { x, gaps } of between) {
    const straight = start[1] + ((end[1] - start[1]) * (x - start[0])) / (end[0] - start[0]);
    const y = through(gaps, straight);
    points.push([x - step * column * 0.38, y], [x + step * column * 0.38, y]);
  }
  return [...points, end];
}

function through(gaps, y) {
  if (y < gaps[0] || y > gaps.at(-1)) return y;
  return gaps.reduce((best, gap) => (Math.abs(gap - y) < Math.abs(best - y) ? gap : best));
}

// The launches, the most frequent first, without those that would close a circle.
function withoutCycles(edges) {
  const children = new Map();
  const reaches = (from, to) => {
    const [waiting, seen] = [[from], new Set()];
    while (waiting.length) {
      const name = waiting.pop();
      if (name === to) return true;
      if (seen.has(name)) continue;
      seen.add(name);
      waiting.push(...(children.get(name) ?? []));
    }
    return false;
  };
  return edges.filter(({ parent, child }) => {
    if (reaches(child, parent)) return false;
    children.set(parent, [...(children.get(parent) ?? []), child]);
    return true;
  });
}

// Of each agent the longest way to it.
function layers(edges) {
  const layerOf = new Map();
  for (const { parent, child } of edges) layerOf.set(parent, 0).set(child, 0);
  for (let moved = true; moved; ) {
    moved = false;
    for (const { parent, child } of edges) {
      const least = layerOf.get(parent) + 1;
      if (layerOf.get(child) >= least) continue;
      layerOf.set(child, least);
      moved = true;
    }
  }
  return layerOf;
}

// A layer in the order of its parents, so that lines cross less; a long one in several columns.
function inColumns(nodes, edges, layerOf, rows) {
  const columns = [];
  // Of each name, how far below the middle of its column it stands.
  const at = new Map();
  const middle = (name) => {
    const parents = edges.filter((edge) => edge.child === name);
    const sum = parents.reduce((all, { parent }) => all + at.get(parent), 0);
    return parents.length ? sum / parents.length : 0;
  };
  for (let layer = 0; ; layer += 1) {
    const inLayer = nodes.filter((node) => layerOf.get(node.agent_name) === layer);
    const names = inLayer.map((node) => node.agent_name);
    if (!names.length) return columns;
    const sorted = names.map((name) => [middle(name), name]).sort(([a], [b]) => a - b);
    const each = Math.ceil(names.length / Math.ceil(names.length / rows));
    for (let from = 0; from < names.length; from += each) {
      const part = sorted.slice(from, from + each).map(([, name]) => name);
      part.forEach((name, i) => at.set(name, i - (part.length - 1) / 2));
      columns.push(part);
    }
  }
}
