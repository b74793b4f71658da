/** Who is signed in, and the form for those who are not. */

import { actAs, get, membership, post, remove } from "./api.js";
import { el } from "./dom.js";
import { attempt, notice } from "./notice.js";

/** The person behind the session with role and organisation, or null. */
export async function whoIsHere() {
  try {
    return await get("me");
  } catch (error) {
    if (error.code === "unauthenticated") return null;
    if (error.code !== "membership_unknown" || !membership()) throw error;
    // Taken away since the person chose it: back to the first one.
    actAs(null);
    return whoIsHere();
  }
}

/** Ends the session; loading anew forgets everything that the person saw. */
export async function signOut() {
  try {
    await remove("session");
  } finally {
    actAs(null);
    location.reload();
  }
}

/** A menu of the organisations that the person acts for, or null where there is one only. */
export function memberships(me) {
  if (me.memberships.length < 2) return null;
  const options = me.memberships.map(({ id, role, organisation }) =>
    el("option", { value: id, selected: String(id) === membership() }, `${organisation.name} (${role})`));
  const change = ({ target }) => {
    actAs(target.value);
    location.reload();
  };
  return el("label", {}, "Acting for ", el("select", { change }, options));
}

/** The form to sign in; `done` is called afterwards. */
export function signInForm(done) {
  const line = notice();
  const email = input("email", { type: "email", autocomplete: "username" });
  const password = input("password", { type: "password", autocomplete: "current-password" });
  const button = el("button", { type: "submit", class: "primary" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    actAs(null);
    const welcome = await attempt(line, () => post("session", { email: email.value, password: password.value }));
    button.disabled = false;
    if (welcome) done();
    else password.select();
  };
  const fill = (login) => {
    email.value = login.email;
    password.value = login.password;
    button.focus();
  };
  return el("div", { class: "door" },
    el("h1", {}, "Sign in"),
    el("form", { submit },
      el("label", { for: "email" }, "E-mail"), email,
      el("label", { for: "password" }, "Password"), password,
      line, button),
    demo(fill));
}

function input(name, attributes) {
  return el("input", { id: name, name, required: true, ...attributes });
}

/** The people of the demo network, where there is one. */
function demo(fill) {
  const logins = JSON.parse(document.body.dataset.demo ?? "[]");
  if (!logins.length) return null;
  const choices = logins.map((login) =>
    el("li", {}, el("button", { type: "button", click: () => fill(login) },
      el("strong", {}, login.role), ` ${login.email}`)));
  return el("section", { class: "demo", "aria-labelledby": "demo" },
    el("h2", { id: "demo" }, "Demo network"),
    el("p", { class: "quiet" }, "Choose a person to fill in the form."),
    el("ul", {}, choices));
}
