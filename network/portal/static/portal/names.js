/** What things are called, by their ids; asked once each. */

import { Problem, get } from "./api.js";

const asked = new Map();

/** The names of these members of a collection, as a function of the id. */
export async function names(collection, ids) {
  const member = await members(collection, ids);
  return (id) => member(id).name;
}

/** The members themselves, as a function of the id; one that is out of sight has a name alone. */
export async function members(collection, ids) {
  const distinct = [...new Set(ids)];
  const found = await Promise.all(distinct.map((id) => member(`${collection}/${id}`, id)));
  const known = new Map(distinct.map((id, index) => [id, found[index]]));
  return (id) => known.get(id);
}

function member(path, id) {
  if (!asked.has(path)) asked.set(path, ask(path, id));
  return asked.get(path);
}

async function ask(path, id) {
  try {
    return await get(path);
  } catch (error) {
    // One that the person may not see any more keeps its number.
    if (error instanceof Problem && error.status === 404) return { name: `#${id}` };
    asked.delete(path);
    throw error;
  }
}
