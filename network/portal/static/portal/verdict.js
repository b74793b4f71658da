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

/** What an event's reason says to those who are told it; two are called as their categories. */
const REASONS = {
  received: "Just reported",
  valid: "Passed every check",
  operator_approve: "Approved by the network",
  advertiser_approve: "Approved by the advertiser",
  room_given: "There are funds or places again; being checked",
  settling: "Waiting for better evidence",
  order_elsewhere: "The same order was reported for another offer or affiliate",
  advertiser_inactive: "The advertiser is paused or closed",
  unfunded: "The advertiser's funds did not cover it",
  click_expired: "Too long after the click",
  ctit_min: "Too soon after the click for a person",
  affiliate_inactive: "The affiliate is paused or closed",
  not_approved: "The affiliate was not let into the offer",
  offer_inactive: "The offer was not running",
  cancelled_order: "The order was cancelled",
  invalid_data: "The customer's data were not valid",
  non_payment: "The order was not paid",
  returned: "The goods came back",
  existing_customer: "The customer was known before",
  other_channel: "The action belongs to another channel",
  device_mismatch: "Another device than the offer is for",
  fraud_bot: "The visitor was a program",
  fraud_identity: "The visitor's identity was not genuine",
  fraud_proxy: "The visitor came through a proxy",
  fraud_velocity: "Too many actions in too short a time",
  geo_mismatch: "Another country than the offer is for",
  terms_breach: "The terms of the offer were not kept",
  advertiser_reject: "Rejected by the advertiser",
  manager_reject: "Rejected by the network",
};

/** A state with a mark whose colour says good, bad or on its way; the word says it too. */
export function state(code) {
  const mood = GOOD.has(code) ? "state good" : BAD.has(code) ? "state bad" : "state";
  return el("span", { class: mood }, words(code));
}

/** Why, in a sentence: an affiliate is told the category, the others the reason itself. */
export function reason(code) {
  return CATEGORIES[code] ?? REASONS[code] ?? words(code);
}
