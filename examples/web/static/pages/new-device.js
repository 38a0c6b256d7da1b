/**
 * The pages that set up a new device, instead of the old one or beside it: password and second factor, then the set-up of the
 * app on the new device.
 *
 * The server returns the TOTP secret only once. It is stored in `progress` alone, and deleted when the user leaves the page.
 */

import { h } from "../dom.js";
import { form, formError, passwordField, secondFactorField, secondFactorOf } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { ADD_AUTHENTICATOR, CONFIRM_OTP, START_REPLACEMENT } from "../operations.js";
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

/** The page for a device instead of the old one. @returns {Promise<Page | Redirect>} */
export function newDevicePage() {
  return page({
    title: t("newDevice.title"),
    lead: t("newDevice.lead"),
    otpHint: t("newDevice.otpHint"),
    fields: [],
    start: async (values) => (await send(START_REPLACEMENT, proofOf(values))).startAuthenticatorReplacement,
  });
}

/** The page for a device beside the others. @returns {Promise<Page | Redirect>} */
export function anotherDevicePage() {
  return page({
    title: t("anotherDevice.title"),
    lead: t("anotherDevice.lead"),
    otpHint: t("anotherDevice.otpHint"),
    fields: [{ name: "name", label: t("anotherDevice.name"), hint: t("anotherDevice.nameHint") }],
    start: async (values) =>
      (await send(ADD_AUTHENTICATOR, { ...proofOf(values), name: values.name })).addAuthenticator,
  });
}

/** @param {import("../forms.js").Values} values */
function proofOf(values) {
  return { password: values.password, secondFactor: secondFactorOf(values) };
}

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.lead
 * @param {string} options.otpHint
 * @param {import("../forms.js").Field[]} options.fields
 * @param {(values: import("../forms.js").Values) => Promise<import("../graphql.js").MutationResult>} options.start
 * @returns {Promise<Page | Redirect>}
 */
async function page({ title, lead, otpHint, fields, start }) {
  const { started, error } = progress;
  if (started) {
    return setUpPage(started, {
      title,
      lead: t("newDevice.setUp"),
      addText: t("newDevice.add"),
      otpHint: () => otpHint,
      onOtp: (otp) => confirm(started.activationId, otp),
    });
  }
  // Load the viewer again: another session can deactivate 2FA.
  if (requireViewer(await loadViewer()).twoFactor.state !== "ACTIVE") {
    return { redirectTo: SECURITY_PATH };
  }
  return {
    title,
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, lead),
        form({
          fields: [...fields, passwordField(), secondFactorField()],
          submit: t("continue"),
          focus: true,
          besideButton: [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: async (values) => keep(await start(values)),
          initialError: error,
        }),
      ),
    ],
  };
}

/** @param {import("../graphql.js").MutationResult} result */
function keep(result) {
  if (result.__typename !== "TwoFactorActivation") {
    return formError(result, "password", { TwoFactorNotActive: undefined, TooManyAuthenticators: undefined });
  }
  progress = { started: result };
  refresh();
  return undefined;
}

/** @param {string} activationId @param {string} otp */
async function confirm(activationId, otp) {
  const { confirmOtp: result } = await send(CONFIRM_OTP, { activationId, otp });
  switch (result.__typename) {
    case "AuthenticatorReplaced":
    case "AuthenticatorAdded":
      keepNewToken(result);
      state.viewer = result.viewer;
      resetNewDevice();
      notify(t(result.__typename === "AuthenticatorReplaced" ? "newDevice.done" : "anotherDevice.done"));
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
