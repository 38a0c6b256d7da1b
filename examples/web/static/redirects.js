/** Redirects to the login and to the activation page, and the errors that cause them. */

import { apiErrorText, asApiError } from "./graphql.js";
import { t } from "./i18n.js";
import { notify } from "./notifications.js";
import { navigate, refresh } from "./router.js";
import { clearSession, loadViewer, state } from "./state.js";

export const LOGIN_PATH = "/login";
export const HOME_PATH = "/account";
export const SECURITY_PATH = "/account/security";
export const ACTIVATION_PATH = "/account/security/activate";
export const NEW_DEVICE_PATH = "/account/security/new-device";
export const ANOTHER_DEVICE_PATH = "/account/security/another-device";

/** Opens the login page. After the login, the user returns to the current page. */
export function redirectToLogin() {
  state.returnTo = location.hash.slice(1);
  navigate(LOGIN_PATH, { replace: true });
}

/**
 * Redirects to another page if the error code requires it.
 * @param {import("./graphql.js").ApiError} error
 * @returns {boolean} true if it redirected; false if the caller has to show the error
 */
export function redirectOnError(error) {
  if (error.code === "UNAUTHENTICATED") {
    clearSession();
    notify(t("session.ended"), "error");
    redirectToLogin();
    return true;
  }
  if (error.code === "TWO_FACTOR_SETUP_REQUIRED") {
    // An admin started to enforce 2FA after the viewer was loaded, so `state.viewer` is out of date.
    loadViewer().then(() => navigate(ACTIVATION_PATH, { replace: true }), refresh);
    return true;
  }
  if (error.code === "FORBIDDEN" && state.viewer?.role === "ADMIN") {
    // Another admin has taken the role away since the viewer was loaded.
    notify(t("error.noAdmin"), "error");
    loadViewer().then(() => navigate(HOME_PATH, { replace: true }), refresh);
    return true;
  }
  return false;
}

/**
 * Redirects, or shows the error as a notification. For code outside of a form, which has no field to show it at.
 * @param {unknown} error
 */
export function handleError(error) {
  const apiError = asApiError(error);
  if (!redirectOnError(apiError)) {
    notify(apiErrorText(apiError), "error");
  }
}
