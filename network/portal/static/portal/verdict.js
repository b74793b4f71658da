/** States and reasons as people read them. */

import { el } from "./dom.js";
import { words } from "./format.js";

const GOOD = new Set(["approved", "settled", "done", "active"]);
const BAD = new Set(["rejected", "reversed", "cancelled"]);

const CATEGORIES = {
  accepted: "Counted as it was reported",
  waiting: "Being checked",
  no_room: "The advertiser has no funds or places left; taken up when there are",
  timing: "Too soon or too late after the click",
  access: "The offer was not running, or not open to you",
  duplicate: "The same action was reported before",
  order: "The order was cancelled, returned or not paid",
  attribution: "The action belongs to another channel",
  quality: "The traffic did not pass the quality checks",
  terms: "The terms of the offer were not kept",
  decision: "Decided by a person",
  test: "A test: it earns nothing",
};

/** A state with a mark whose colour says good, bad or on its way; the word says it too. */
export function state(code) {
  const mood = GOOD.has(code) ? "state good" : BAD.has(code) ? "state bad" : "state";
  return el("span", { class: mood }, words(code));
}

/** Why: an affiliate is told the category, in a sentence; the others the code, in words. */
export function reason(code) {
  return CATEGORIES[code] ?? words(code);
}
