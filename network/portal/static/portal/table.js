/** A table with a caption, that scrolls inside itself where the window is narrow. */

import { el } from "./dom.js";

/**
 * `columns` are `{ head, cell, kind }`: a heading, the row's text or node, and whether that is a
 * "number", which stands to the right, or "prose", which needs room. The first column names its row.
 */
export function table(caption, columns, rows) {
  const heads = columns.map(({ head, kind = null }) => el("th", { scope: "col", class: kind }, head));
  const lines = rows.map((row) =>
    el("tr", {}, columns.map(({ cell, kind = null }, index) =>
      index === 0 ? el("th", { scope: "row", class: kind }, cell(row)) : el("td", { class: kind }, cell(row)))));
  return el("div", { class: "scroll", role: "group", "aria-label": caption, tabindex: "0" },
    el("table", {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads)),
      el("tbody", {}, lines)));
}

/** What stands in the place of an empty table: why it is empty and what would fill it. */
export function empty(...text) {
  return el("p", { class: "empty" }, ...text);
}
