/** Numbers at a glance: a term and its values. */

import { el } from "./dom.js";

/** `entries` are `{ name, values, note }`: one value for each currency, a dash for none. */
export function tiles(entries) {
  return el("dl", { class: "tiles" }, entries.map(({ name, values, note = null }) =>
    el("div", {},
      el("dt", {}, name),
      (values.length ? values : ["–"]).map((value) => el("dd", {}, value)),
      note && el("dd", { class: "quiet" }, note))));
}
