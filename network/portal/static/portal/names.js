/** What things are called, by their ids; asked once each. */

import { Problem, get } from "./api.js";

const asked = new Map();

/** The names of these members of a collection, as a function of the id. */
export async function names(collection, ids) {
  const distinct = [...new Set(ids)];
  const found = await Promise.all(distinct.map((id) => name(`${collection}/${id}`, id)));
  const named = new Map(distinct.map((id, index) => [id, found[index]]));
  return (id) => named.get(id);
}

function name(path, id) {
  if (!asked.has(path)) asked.set(path, ask(path, id));
  return asked.get(path);
}

async function ask(path, id) {
  try {
    return (await get(path)).name;
  } catch (error) {
    // One that the person may not see any more keeps its number.
    if (error instanceof Problem && error.status === 404) return `#${id}`;
    asked.delete(path);
    throw error;
  }
}
