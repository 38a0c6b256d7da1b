/** What all pages share: who is signed in, and what the server said of itself. */

import { ApiError, keepToken, send } from "./graphql.js";
import { GET_VIEWER } from "./operations.js";

/**
 * @type {{
 *   config: { productName: string, graphiql: boolean },
 *   viewer: import("./operations.js").Viewer | null,
 *   challenge: { challengeToken: string, methods: import("./operations.js").SecondFactorMethod[] } | null,
 *   returnTo: string | null,
 * }}
 */
export const state = {
  config: { productName: "", graphiql: false },
  viewer: null,
  // Between the password and the second factor. It is in no storage: who leaves the page begins again.
  challenge: null,
  // Where somebody was going who had to sign in first.
  returnTo: null,
};

/** Asks the server who is signed in. */
export async function loadViewer() {
  state.viewer = (await send(GET_VIEWER, {})).viewer;
  return state.viewer;
}

/**
 * The viewer of an answer, for pages of the account: `viewer` is null, and no error, where the session is over.
 * @template T
 * @param {T | null} viewer
 * @returns {T}
 * @throws {ApiError}
 */
export function present(viewer) {
  if (!viewer) {
    throw new ApiError("UNAUTHENTICATED");
  }
  return viewer;
}

/** @param {import("./graphql.js").Outcome} loggedIn */
export function signedIn(loggedIn) {
  keepToken(loggedIn.sessionToken);
  state.viewer = loggedIn.viewer;
  state.challenge = null;
}

/** Forgets everything that belonged to the session. */
export function signedOut() {
  keepToken(null);
  state.viewer = null;
  state.challenge = null;
}
