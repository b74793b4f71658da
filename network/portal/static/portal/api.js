/** Speaks to the REST API: paths below /api/v1, JSON, the CSRF token, and problems as errors. */

const ROOT = "/api/v1/";
const MEMBERSHIP = "membership";

/** What the API refused, in words for people. */
export class Problem extends Error {
  constructor(status, { code = "", detail = "", title = "", errors = [] } = {}) {
    const faults = errors.map((fault) => fault.detail).filter((text) => text !== detail);
    super([detail || title || `The server answered ${status}.`, ...faults].join(" "));
    this.status = status;
    this.code = code;
  }
}

/** Reads a resource. */
export async function get(path, parameters) {
  const response = await call("GET", path, { parameters });
  return response.json();
}

/** Creates a resource; answers its body, or null where there is none. */
export async function post(path, body) {
  const response = await call("POST", path, { body });
  return response.status === 204 ? null : response.json();
}

/** Deletes a resource. */
export async function remove(path) {
  await call("DELETE", path);
}

/** Reads a resource as a file; a plain link could not say for which membership. */
export async function file(path, parameters) {
  const response = await call("GET", path, { parameters, accept: "*/*" });
  return response.blob();
}

/** In which membership the person acts, or null for the first one. */
export function membership() {
  return sessionStorage.getItem(MEMBERSHIP);
}

/** From now on the person acts in this membership; null goes back to the first one. */
export function actAs(id) {
  if (id === null) sessionStorage.removeItem(MEMBERSHIP);
  else sessionStorage.setItem(MEMBERSHIP, id);
}

async function call(method, path, { parameters = {}, body, accept = "application/json" } = {}) {
  const url = new URL(ROOT + path, location.origin);
  url.search = new URLSearchParams(parameters);
  const headers = { Accept: accept };
  if (membership()) headers["Peraction-Membership"] = membership();
  if (method !== "GET") headers["X-CSRFToken"] = cookie("csrftoken");
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Problem(0, { detail: "The server does not answer. Check the connection and try again." });
  }
  if (response.ok) return response;
  const problem = new Problem(response.status, await response.json().catch(() => ({})));
  if (problem.code === "unauthenticated") document.dispatchEvent(new Event("signed-out"));
  throw problem;
}

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
