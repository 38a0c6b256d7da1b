/** Where to go instead: to sign in, or to the activation that the company requires. */

import { ApiError, errorText } from "./graphql.js";
import { t } from "./i18n.js";
import { notify } from "./notices.js";
import { go, refresh } from "./router.js";
import { loadViewer, signedOut, state } from "./state.js";

export const HOME = "/account";
export const ACTIVATION = "/account/security/activate";

export function askToSignIn() {
  state.returnTo = location.hash.slice(1);
  go("/login", { replace: true });
}

/**
 * Does what an error asks for, where that is to go to another page. Tells whether it did.
 * @param {ApiError} error
 */
export function handled(error) {
  if (error.code === "UNAUTHENTICATED") {
    signedOut();
    notify(t("session.over"), "bad");
    askToSignIn();
    return true;
  }
  if (error.code === "TWO_FACTOR_SETUP_REQUIRED") {
    // An admin has just begun to enforce 2FA: the viewer that we know is out of date.
    loadViewer().then(() => go(ACTIVATION, { replace: true }), refresh);
    return true;
  }
  return false;
}

/** Says what went wrong where no form is there to say it. @param {unknown} error */
export function report(error) {
  if (!(error instanceof ApiError)) {
    throw error;
  }
  if (!handled(error)) {
    notify(errorText(error), "bad");
  }
}
