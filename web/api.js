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

// Returns {data, source}. Throws Refused for an error answer, TypeError or a timeout without one.
export async function read(path) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const response = await fetch(path, { headers, signal: AbortSignal.timeout(WITHIN_MS) });
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw new Refused(response.status, body?.error?.message ?? `status ${response.status}`);
  }
  const data = await response.json();
  answeredMs = Date.now();
  return { data, source: response.headers.get("x-agentpulse-source") };
}
