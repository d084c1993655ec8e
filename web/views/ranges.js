// The choice of the range. It stands in the address, so each is a link.

import { $, fill, h } from "../dom.js";
import { RANGES, go, href, on, state } from "../state.js";

export function start() {
  on("range agent session run view definition", show);
  show();
}

function show() {
  const choose = (range) => (event) => {
    event.preventDefault();
    go({ range }, { replace: true });
  };
  fill(
    $("#ranges"),
    RANGES.map((range, i) =>
      h(
        "a",
        {
          href: href({ range }),
          onclick: choose(range),
          title: `${range} (${i + 1})`,
          "data-key": range,
          "aria-current": range === state.range ? "true" : null,
        },
        range,
      ),
    ),
  );
}
