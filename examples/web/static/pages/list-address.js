/** What the address of a list says: its filters, its order and the place in it. */

import { ApiError } from "../graphql.js";
import { t } from "../i18n.js";

/**
 * Loads a list as its address says. If the address has a value that the list does not know, for example an old cursor in
 * a link that somebody has sent, opens the list without it and says so.
 * @param {import("../router.js").RouteLocation} location
 * @param {Record<string, (value: string) => boolean>} isKnown checks the values with a name; other names may have any
 * @param {() => Promise<import("../router.js").Page>} load
 * @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>}
 */
export async function loadByAddress({ path, query }, isKnown, load) {
  const known = [...query].filter(([name, value]) => !Object.hasOwn(isKnown, name) || isKnown[name](value));
  if (known.length < [...query].length) {
    return withoutUnknown(path, known);
  }
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "BAD_USER_INPUT" || known.length === 0) {
      throw error;
    }
    // The server knows what the list does not. Most often it is the cursor.
    return withoutUnknown(path, query.has("after") ? known.filter(([name]) => !isPlace(name)) : []);
  }
}

/** @param {string} path @param {[string, string][]} known @returns {import("../router.js").Redirect} */
function withoutUnknown(path, known) {
  return { redirectTo: addressOf(path, new URLSearchParams(known)), note: t("list.unknownAddress") };
}

/** @param {string} path @param {URLSearchParams} query */
function addressOf(path, query) {
  return [...query].length > 0 ? `${path}?${query}` : path;
}

/** @param {string} name */
function isPlace(name) {
  return name === "after" || name === "previous";
}

/**
 * Returns the address of a place in the list. `after` is a cursor, or "" for the first page.
 * @param {import("../router.js").RouteLocation} location
 * @param {string} after
 * @param {string[]} [previous] the cursors of the pages before it, because the API pages only forward
 */
export function addressOfPlace({ path, query }, after, previous = []) {
  const newQuery = new URLSearchParams([...query].filter(([name]) => !isPlace(name)));
  if (after) {
    newQuery.set("after", after);
    previous.forEach((cursor) => newQuery.append("previous", cursor));
  }
  return addressOf(path, newQuery);
}
