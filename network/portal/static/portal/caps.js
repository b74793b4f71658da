/** The caps on clicks that are on, the fullest first: a meter for each, and a word where it is tight. */

import { get } from "./api.js";
import { el } from "./dom.js";
import { count, time } from "./format.js";
import { names } from "./names.js";
import { empty } from "./table.js";

const ASKED = 200;
const SHOWN = 10;
const FULL = 100;
const PERIODS = { hour: "an hour", day: "a day", week: "a week", month: "a month", total: "in total" };
const EACH = {
  affiliate: "each affiliate",
  source: "each source",
  country: "each country",
  landing: "each landing page",
};

/** The meters, or why there are none. */
export async function caps() {
  const { results } = await get("caps", { active: true, limit: ASKED });
  if (!results.length) {
    return empty("No caps. Limit the clicks of an offer by the hour, day, week or month with ",
      el("code", {}, "POST /api/v1/offers/{id}/caps"), ".");
  }
  const rows = results.sort((a, b) => share(b) - share(a)).slice(0, SHOWN);
  const offer = await names("offers", rows.map((cap) => cap.offer));
  const affiliate = await names("affiliates",
    rows.map((cap) => cap.scope === "affiliate" && part(cap)).filter(Boolean));
  return [
    el("ul", { class: "meters" }, rows.map((cap) => meter(cap, offer(cap.offer), affiliate))),
    results.length > rows.length
      ? el("p", { class: "quiet" }, `${count(results.length - rows.length)} more have more room.`)
      : null,
  ].filter(Boolean);
}

function meter(cap, offer, affiliate) {
  const used = cap.fullest?.used ?? 0;
  const limit = cap.fullest?.limit ?? cap.limit;
  const places = `${count(used)} of ${count(limit)} clicks`;
  return el("li", {},
    el("p", {},
      offer,
      el("span", { class: "quiet" }, ` · ${what(cap, affiliate)}, ${PERIODS[cap.period]} (${cap.time_zone})`)),
    el("p", { class: "places" }, places, tight(cap)),
    // A cap of nothing is full; a bar needs a length all the same.
    el("meter", {
      min: 0,
      max: limit || 1,
      high: limit * cap.alert_percent / FULL,
      optimum: 0,
      value: limit ? used : 1,
      "aria-label": `${offer}, ${what(cap, affiliate)}: ${places}`,
    }));
}

function what(cap, affiliate) {
  const key = part(cap);
  if (cap.scope === "offer") return "the whole offer";
  if (!key) return cap.fullest ? `${EACH[cap.scope]}, the fullest: none given` : EACH[cap.scope];
  const name = cap.scope === "affiliate" ? affiliate(key) : cap.scope === "landing" ? `page #${key}` : key;
  return cap.value ? name : `${EACH[cap.scope]}, the fullest: ${name}`;
}

/** What the meter counts of what the cap counts; nothing for visitors who brought none. */
function part(cap) {
  const key = cap.fullest ? cap.fullest.key : cap.value;
  return key === "0" ? "" : key;
}

function tight(cap) {
  if (share(cap) >= FULL) return el("span", { class: "state bad" }, "Full");
  if (share(cap) < cap.alert_percent) return null;
  const since = cap.fullest.alerted_at;
  return el("span", { class: "state" }, since ? `Nearly full since ${time(since)} UTC` : "Nearly full");
}

function share(cap) {
  return cap.fullest?.percent ?? (cap.limit ? 0 : FULL);
}
