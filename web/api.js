// Reads of the daemon. The browser keeps entity tags by itself: what did not change is not sent.

const WITHIN_MS = 10_000;
const KEY = "agentpulse.key";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let key = null;
try {
  key = sessionStorage.getItem(KEY);
} catch {
  /* asked for again */
}

export function setKey(next) {
  key = next;
  try {
    sessionStorage.setItem(KEY, next);
  } catch {
    /* good for this page */
  }
}

// A browser can set no header on a WebSocket: the key goes as a subprotocol. Every address is
// relative to the page, which a proxy may serve below a path of its own.
export function openStream() {
  const url = new URL("api/agents/stream", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return key ? new WebSocket(url, ["agentpulse", `agentpulse.key.${key}`]) : new WebSocket(url);
}

let answeredMs = 0;

// When the last read was answered; 0 before the first one.
export const answeredAt = () => answeredMs;

// The last answer of an address, with its entity tag: what it says again is not parsed again.
const MAX_KEPT = 64;
const kept = new Map();

// Returns {data, source}; the data is the very same object as long as the answer is the same.
// Throws Refused for an error answer, TypeError or a timeout without one.
export async function read(path) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const response = await fetch(path, { headers, signal: AbortSignal.timeout(WITHIN_MS) });
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw new Refused(response.status, body?.error?.message ?? `status ${response.status}`);
  }
  const tag = response.headers.get("etag");
  const before = kept.get(path);
  const isSame = tag !== null && before?.tag === tag;
  if (isSame) response.body?.cancel();
  const data = isSame ? before.data : await response.json();
  keep(path, { tag, data });
  answeredMs = Date.now();
  return { data, source: response.headers.get("x-agentpulse-source") };
}

// Those that were asked for last.
function keep(path, answer) {
  kept.delete(path);
  kept.set(path, answer);
  if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value);
}
