/** The latest conversions, in the columns that all roles see and those of one's own. */

import { get } from "./api.js";
import { el } from "./dom.js";
import { money, time } from "./format.js";
import { names } from "./names.js";
import { empty, table } from "./table.js";
import { reason, state } from "./verdict.js";

const ROWS = 10;

/** A table, or `hint` where nothing has come yet; `own` are further columns. */
export async function conversions(own, hint) {
  const { results } = await get("conversions", { limit: ROWS });
  if (!results.length) return empty(hint);
  const offer = await names("offers", results.map((row) => row.offer));
  return table("Latest conversions", [
    { head: "Received (UTC)", cell: (row) => el("time", { datetime: row.received_at }, time(row.received_at)) },
    { head: "Offer", cell: (row) => offer(row.offer) },
    { head: "State", cell: (row) => state(row.status) },
    { head: "Why", kind: "prose", cell: (row) => (row.is_test ? "A test: it earns nothing" : reason(row.reason)) },
    ...own,
  ], results);
}

/** A column of money; struck through where nothing flows: a test, or a conversion that was refused. */
export function worth(head, key) {
  const idle = (row) => row.is_test || row.status === "rejected" || row.status === "reversed";
  return { head, kind: "number", cell: (row) => (idle(row) ? el("s", {}, money(row[key])) : money(row[key])) };
}
