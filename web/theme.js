// Runs before the first paint, so that a chosen theme does not flash in the other one. Storage may
// be refused to a page in a frame; the system's own preference holds then.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("agentpulse.theme");
  } catch {
    /* the system decides */
  }
  const root = document.documentElement;
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  if (new URLSearchParams(location.search).has("embed")) root.dataset.embed = "";
})();
