/** Numbers at a glance: a term and its values. */

import { el } from "./dom.js";

/**
 * `entries` are `{ name, values, note }`: one value for each currency, a dash for none; a text, or
 * `{ text, exact }` of an amount that is rounded. Each column is as wide as the longest value, since
 * an amount that goes on in a second line reads as two.
 */
export function tiles(entries) {
  const list = el("dl", { class: "tiles" }, entries.map(({ name, values, note = null }) =>
    el("div", {},
      el("dt", {}, name),
      (values.length ? values : ["–"]).map((value) =>
        el("dd", { title: value.exact ?? null }, text(value))),
      note && el("dd", { class: "quiet" }, note))));
  const longest = Math.max(1, ...entries.flatMap(({ values }) => values.map((value) => text(value).length)));
  list.style.setProperty("--longest", longest);
  return list;
}

function text(value) {
  return value.text ?? value;
}
