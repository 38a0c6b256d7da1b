/**
 * The page that moves 2FA to a new device: password and second factor, then the set-up of the app on the new device.
 *
 * The server returns the TOTP secret only once. It is stored in `progress` alone, and deleted when the user leaves the page.
 */

import { h } from "../dom.js";
import { form, formError, passwordField, secondFactorField, secondFactorOf } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { CONFIRM_OTP, START_REPLACEMENT } from "../operations.js";
import { SECURITY_PATH } from "../redirects.js";
import { navigate, refresh } from "../router.js";
import { keepNewToken, loadViewer, requireViewer, state } from "../state.js";
import { setUpPage } from "./set-up.js";

/** @typedef {import("../router.js").Page} Page */
/** @typedef {import("../router.js").Redirect} Redirect */

/** @type {{ started?: import("../graphql.js").MutationResult, error?: string }} */
let progress = {};

/** Deletes the secret, and goes back to the first step. */
export function resetNewDevice() {
  progress = {};
}

/** @returns {Promise<Page | Redirect>} */
export async function newDevicePage() {
  const { started, error } = progress;
  if (started) {
    return setUpPage(started, {
      title: t("newDevice.title"),
      lead: t("newDevice.setUp"),
      addText: t("newDevice.add"),
      otpHint: () => t("newDevice.otpHint"),
      onOtp: (otp) => confirm(started.activationId, otp),
    });
  }
  // Load the viewer again: another session can deactivate 2FA.
  if (requireViewer(await loadViewer()).twoFactor.state !== "ACTIVE") {
    return { redirectTo: SECURITY_PATH };
  }
  return {
    title: t("newDevice.title"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, t("newDevice.lead")),
        form({
          fields: [passwordField(), secondFactorField()],
          submit: t("continue"),
          focus: true,
          besideButton: [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: start,
          initialError: error,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function start(values) {
  const { startAuthenticatorReplacement: result } = await send(START_REPLACEMENT, {
    password: values.password,
    secondFactor: secondFactorOf(values),
  });
  if (result.__typename !== "TwoFactorActivation") {
    return formError(result, "password", { TwoFactorNotActive: undefined });
  }
  progress = { started: result };
  refresh();
}

/** @param {string} activationId @param {string} otp */
async function confirm(activationId, otp) {
  const { confirmOtp: result } = await send(CONFIRM_OTP, { activationId, otp });
  switch (result.__typename) {
    case "AuthenticatorReplaced":
      keepNewToken(result);
      state.viewer = result.viewer;
      resetNewDevice();
      notify(t("newDevice.done"));
      navigate(SECURITY_PATH, { replace: true });
      return;
    case "ActivationExpired":
      progress = { error: userErrorText(result) };
      refresh();
      return;
    default:
      return formError(result, "otp");
  }
}
