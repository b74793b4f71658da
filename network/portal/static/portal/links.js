/** One's tracking links, each with a button that copies its address. */

import { get } from "./api.js";
import { announce, el } from "./dom.js";
import { names } from "./names.js";
import { empty } from "./table.js";

const SHOWN = 20;

/** The latest links, or what to do to have one. */
export async function links() {
  const { results } = await get("links", { limit: SHOWN });
  if (!results.length) {
    return empty("No links yet. Find an offer with ", el("code", {}, "GET /api/v1/offers"),
      " and take a link for it with ", el("code", {}, "POST /api/v1/links"), ".");
  }
  const offer = await names("offers", results.map((link) => link.offer));
  return el("ul", { class: "links" }, results.map((link) => line(link, offer(link.offer))));
}

function line(link, offer) {
  const address = el("code", {}, link.url);
  const label = link.name.includes(offer) ? link.name : [link.name, offer].filter(Boolean).join(" · ");
  return el("li", {},
    el("div", {},
      el("p", {}, label, link.active ? null : el("span", { class: "quiet" }, " (switched off)")),
      address),
    el("button", {
      type: "button",
      "aria-label": `Copy the link: ${label}`,
      click: ({ target }) => copy(address, target),
    }, "Copy"));
}

async function copy(address, button) {
  try {
    await navigator.clipboard.writeText(address.textContent);
    button.textContent = "Copied";
    announce("The link is copied.");
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  } catch {
    // No access to the clipboard, as on a plain http address: mark the text instead.
    getSelection().selectAllChildren(address);
    announce("The link is selected; copy it with the keyboard.");
  }
}
