/** One's tracking links, smart ones too, each with a button that copies its address. */

import { get } from "./api.js";
import { announce, el } from "./dom.js";
import { members } from "./names.js";
import { empty } from "./table.js";

const SHOWN = 20;
// What is said of an offer that takes nobody.
const STOPPED = { paused: "the offer is paused", ended: "the offer has ended" };

/** The latest links, or what to do to have one. */
export async function links() {
  const [{ results: plain }, { results: smart }] = await Promise.all([
    get("links", { limit: SHOWN }),
    get("smart-links", { limit: SHOWN }),
  ]);
  if (!plain.length && !smart.length) {
    return empty("No links yet. Find an offer with ", el("code", {}, "GET /api/v1/offers"),
      " and take a link for it with ", el("code", {}, "POST /api/v1/links"), ".");
  }
  const offer = await members("offers", plain.map((link) => link.offer));
  return el("ul", { class: "links" },
    smart.map((link) => line(link, "Smart link", null)),
    plain.map((link) => line(link, offer(link.offer).name, STOPPED[offer(link.offer).status])));
}

function line(link, to, stopped) {
  const note = (link.active ? stopped : "switched off") ?? null;
  const address = el("code", {}, link.url);
  const label = link.name.includes(to) ? link.name : [link.name, to].filter(Boolean).join(" · ");
  return el("li", {},
    el("div", {},
      el("p", {}, label, note && el("span", { class: "quiet" }, ` (${note})`)),
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
