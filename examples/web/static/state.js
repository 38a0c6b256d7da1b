/** State that all pages share: the viewer, and the configuration of the server. */

import { deleteChallenge } from "./challenge.js";
import { ApiError, send, storeSessionToken } from "./graphql.js";
import { GET_VIEWER } from "./operations.js";

/**
 * @type {{
 *   config: { productName: string, graphiql: boolean, helpUrl: string | null },
 *   viewer: import("./operations.js").Viewer | null,
 *   returnTo: string | null,
 * }}
 */
export const state = {
  config: { productName: "", graphiql: false, helpUrl: null },
  viewer: null,
  // The path to open after the login, if a page required a session.
  returnTo: null,
};

/** Loads the signed-in user, or null, into `state.viewer` and returns it. */
export async function loadViewer() {
  state.viewer = (await send(GET_VIEWER, {})).viewer;
  return state.viewer;
}

/**
 * Returns the viewer of a result. Without a session, for example after the browser deleted the cookie, the API returns
 * `viewer: null` without an error; this function throws `UNAUTHENTICATED` then.
 * @template T
 * @param {T | null} viewer
 * @returns {T}
 * @throws {ApiError}
 */
export function requireViewer(viewer) {
  if (!viewer) {
    throw new ApiError("UNAUTHENTICATED");
  }
  return viewer;
}

/** Stores the session of a `LoggedIn` result. @param {import("./graphql.js").MutationResult} loggedIn */
export function startSession(loggedIn) {
  storeSessionToken(loggedIn.sessionToken);
  state.viewer = loggedIn.viewer;
  deleteChallenge();
}

/**
 * Stores the new token of a change, if the session is not in a cookie.
 * @param {import("./graphql.js").MutationResult} result
 */
export function keepNewToken({ sessionToken }) {
  if (sessionToken) {
    storeSessionToken(sessionToken);
  }
}

/** Deletes the session token, the viewer and the challenge from the browser. Sends no request. */
export function clearSession() {
  storeSessionToken(null);
  state.viewer = null;
  deleteChallenge();
}
