/**
 * The activation of 2FA in three steps: password, set-up of the authenticator app, backup codes.
 *
 * The server returns the TOTP secret and the backup codes only once. They are stored in `progress` alone, and deleted when
 * the user leaves the page.
 */

import { h, note } from "../dom.js";
import { form, formError, otpField, passwordField } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { ACKNOWLEDGE_BACKUP_CODES, CONFIRM_OTP, GET_ACTIVATION_PAGE, START_ACTIVATION } from "../operations.js";
import { HOME_PATH, SECURITY_PATH } from "../redirects.js";
import { navigate, refresh } from "../router.js";
import { keepNewToken, loadViewer, requireViewer, state } from "../state.js";
import { copyButton, newCodesPage } from "./backup-code-list.js";

/** @typedef {import("../router.js").Page} Page */
/** @typedef {import("../router.js").Redirect} Redirect */
/** @typedef {import("../graphql.js").MutationResult} MutationResult */

// A device with a touch screen and no mouse, or a narrow window.
const PHONE = "(hover: none) and (pointer: coarse), (max-width: 30rem)";

/**
 * `result` belongs to the steps `setUp` and `codes`; `error` is shown in the step `password`.
 * @type {{ step: "password" | "setUp" | "codes", result?: MutationResult, error?: string }}
 */
let progress = { step: "password" };

/** Deletes the secrets, and goes back to the first step. */
export function resetActivation() {
  progress = { step: "password" };
}

/** Warns the user who has not confirmed yet that they stored the backup codes. */
export function activationWarning() {
  return progress.step === "codes" ? t("codes.leave") : null;
}

/** @returns {Page | Promise<Page | Redirect>} */
export function activationPage() {
  const result = /** @type {MutationResult} */ (progress.result);
  switch (progress.step) {
    case "setUp":
      return setUpStep(result);
    case "codes":
      return codesStep(result);
    default:
      return passwordStep();
  }
}

/** Renders another step of the activation. @param {typeof progress} next */
function showStep(next) {
  progress = next;
  refresh();
}

/** @returns {Promise<Page | Redirect>} */
async function passwordStep() {
  // Load the viewer again: another session can activate 2FA.
  const viewer = requireViewer(await loadViewer());
  if (viewer.twoFactor.state === "ACTIVE") {
    return { redirectTo: SECURITY_PATH };
  }
  const { setupRequired } = viewer.twoFactor;
  return {
    title: t("activate"),
    narrow: true,
    content: [
      ...(setupRequired ? [note(t("activate.required", { company: viewer.company.name }), "warning")] : []),
      h(
        "div",
        { class: "card" },
        h("p", {}, t("activate.lead")),
        form({
          fields: [passwordField()],
          submit: t("continue"),
          focus: true,
          besideButton: setupRequired ? [] : [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: startActivation,
          initialError: progress.error,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function startActivation({ password }) {
  const { startTwoFactorActivation: result } = await send(START_ACTIVATION, { password });
  if (result.__typename === "TwoFactorActivation") {
    showStep({ step: "setUp", result });
    return;
  }
  return formError(result, "password", { TwoFactorAlreadyActive: undefined });
}

/** @param {MutationResult} activation @returns {Promise<Page>} */
async function setUpStep({ activationId, key, otpauthUri, issuer, accountName, qrCode }) {
  const { featureFlags, authenticatorApps } = await send(GET_ACTIVATION_PAGE, {});
  const scan = h(
    "div",
    {},
    h("h3", {}, t("setUp.scan")),
    h("img", { class: "qr", src: qrCode.svgDataUri, alt: t("setUp.qrAlt"), width: 240, height: 240 }),
  );
  const enter = h(
    "div",
    {},
    h("h3", {}, t("setUp.enter")),
    h("p", { class: "muted small" }, t("setUp.entry", { issuer, account: accountName })),
    // In groups of four characters, which are easier to read. The copy button copies the key without the spaces.
    h("code", { class: "key" }, key.match(/.{1,4}/g)?.join(" ") ?? key),
    copyButton(t("copy"), key, t("setUp.copyKey")),
  );
  // A phone cannot scan its own screen, so this comes first there.
  const isOnPhone = window.matchMedia(PHONE).matches;
  const openApp = h("p", {}, h("a", { class: isOnPhone ? "button primary" : "small", href: otpauthUri }, t("setUp.sameDevice")));
  return {
    title: t("setUp.title"),
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, t("setUp.lead")),
        h(
          "ol",
          { class: "steps" },
          h("li", {}, h("h2", {}, t("setUp.install")), h("p", {}, t("setUp.installText")), appTable(authenticatorApps)),
          h(
            "li",
            {},
            h("h2", {}, t("setUp.add", { issuer })),
            h("p", {}, t("setUp.addText")),
            isOnPhone && openApp,
            h("div", { class: "set-up" }, isOnPhone ? [enter, scan] : [scan, enter]),
            !isOnPhone && openApp,
          ),
          h(
            "li",
            {},
            h("h2", {}, t("setUp.confirm")),
            form({
              fields: [otpField(t("otp"), t(featureFlags.backupCodes ? "setUp.otpHint" : "setUp.otpHintLast"))],
              submit: t("continue"),
              focus: true,
              onSubmit: ({ otp }) => confirmOtp(activationId, otp),
            }),
          ),
        ),
      ),
    ],
  };
}

/** @param {import("../operations.js").AuthenticatorApp[]} apps */
function appTable(apps) {
  return h(
    "table",
    { class: "apps" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        [t("setUp.app"), t("setUp.apple"), t("setUp.android")].map((text) => h("th", { scope: "col" }, text)),
      ),
    ),
    h(
      "tbody",
      {},
      apps.map(({ name, appStoreUrl, playStoreUrl }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, name),
          h("td", {}, storeLink(appStoreUrl, "App Store", name)),
          h("td", {}, storeLink(playStoreUrl, "Google Play", name)),
        ),
      ),
    ),
  );
}

/** @param {string} href @param {string} store @param {string} app */
function storeLink(href, store, app) {
  // Screen readers need a different text for each link (WCAG 2.2, 2.4.4).
  const text = [store, h("span", { class: "visually-hidden" }, `: ${app}`)];
  return h("a", { href, target: "_blank", rel: "noreferrer" }, text);
}

/** @param {string} activationId @param {string} otp */
async function confirmOtp(activationId, otp) {
  const { confirmOtp: result } = await send(CONFIRM_OTP, { activationId, otp });
  switch (result.__typename) {
    // The server decides between the next two results: an admin can enable or disable backup codes at any time.
    case "BackupCodesIssued":
      showStep({ step: "codes", result });
      return;
    case "TwoFactorActivated":
      finish(result);
      return;
    case "ActivationExpired":
      showStep({ step: "password", error: userErrorText(result) });
      return;
    default:
      return formError(result, "otp");
  }
}

/** @param {MutationResult} issued @returns {Page} */
function codesStep({ activationId, codes, file }) {
  return newCodesPage(codes, file, t("activate"), () => acknowledgeCodes(activationId));
}

/** @param {string} activationId */
async function acknowledgeCodes(activationId) {
  const { acknowledgeBackupCodes: result } = await send(ACKNOWLEDGE_BACKUP_CODES, { activationId });
  switch (result.__typename) {
    case "TwoFactorActivated":
      finish(result);
      return;
    case "ActivationExpired":
      showStep({ step: "password", error: userErrorText(result) });
      return;
    default:
      return formError(result, "stored");
  }
}

/** @param {MutationResult} activated */
function finish(activated) {
  const { viewer } = activated;
  keepNewToken(activated);
  state.viewer = viewer;
  // Nothing is left to lose, so the user is not asked.
  resetActivation();
  notify(t("activate.done"));
  navigate(viewer ? SECURITY_PATH : HOME_PATH, { replace: true });
}
