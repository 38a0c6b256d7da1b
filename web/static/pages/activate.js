/**
 * Activating 2FA: password, then the activation page, then the backup codes.
 *
 * What the server shows once is kept here and nowhere else, until the page is left.
 */

import { HOME } from "../detours.js";
import { h, note } from "../dom.js";
import { form, otpField, passwordField, refusal } from "../forms.js";
import { refusalText, send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notices.js";
import { ACKNOWLEDGE_BACKUP_CODES, CONFIRM_OTP, GET_ACTIVATION_PAGE, START_ACTIVATION } from "../operations.js";
import { go, refresh } from "../router.js";
import { state } from "../state.js";
import { codesToStore, copyButton } from "./codes.js";

/** @typedef {import("../router.js").Page} Page */
/** @typedef {import("../graphql.js").Outcome} Outcome */

const SECURITY = "/account/security";

/** @type {{ step: "password" | "setUp" | "codes", shown?: Outcome, begun?: string }} */
let progress = { step: "password" };

export function leaveActivation() {
  progress = { step: "password" };
}

/** @returns {Page | Promise<Page>} */
export function activatePage() {
  const shown = /** @type {Outcome} */ (progress.shown);
  switch (progress.step) {
    case "setUp":
      return setUpPage(shown);
    case "codes":
      return codesPage(shown);
    default:
      return passwordPage();
  }
}

/** @param {typeof progress} next */
function proceed(next) {
  progress = next;
  refresh();
}

/** @returns {Page} */
function passwordPage() {
  const viewer = /** @type {import("../operations.js").Viewer} */ (state.viewer);
  const { setupRequired } = viewer.twoFactor;
  return {
    title: t("activate"),
    narrow: true,
    content: [
      ...(setupRequired ? [note(t("activate.required", { company: viewer.company.name }), "warn")] : []),
      h(
        "div",
        { class: "card" },
        h("p", {}, t("activate.lead")),
        form({
          fields: [passwordField()],
          submit: t("continue"),
          beside: setupRequired ? [] : [h("a", { href: `#${SECURITY}` }, t("cancel"))],
          act: start,
          begun: progress.begun,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function start({ password }) {
  const { startTwoFactorActivation: outcome } = await send(START_ACTIVATION, { password });
  if (outcome.__typename === "TwoFactorActivation") {
    proceed({ step: "setUp", shown: outcome });
    return;
  }
  return refusal(outcome, "password", { TwoFactorAlreadyActive: undefined });
}

/** @param {Outcome} activation @returns {Promise<Page>} */
async function setUpPage({ activationId, key, otpauthUri, issuer, accountName, qrCode }) {
  const { featureFlags, authenticatorApps } = await send(GET_ACTIVATION_PAGE, {});
  const entry = t("setUp.entry", { issuer, account: accountName });
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
          h("li", {}, h("h2", {}, t("setUp.install")), h("p", {}, t("setUp.installText")), apps(authenticatorApps)),
          h(
            "li",
            {},
            h("h2", {}, t("setUp.add", { issuer })),
            h("p", {}, t("setUp.addText")),
            h(
              "div",
              { class: "set-up" },
              h(
                "div",
                {},
                h("h3", {}, t("setUp.scan")),
                h("img", { class: "qr", src: qrCode.svgDataUri, alt: t("setUp.qrAlt"), width: 240, height: 240 }),
              ),
              h(
                "div",
                {},
                h("h3", {}, t("setUp.enter")),
                h("p", { class: "quiet small" }, entry),
                // In groups of four, as people read; copied without the spaces.
                h("code", { class: "key" }, key.match(/.{1,4}/g)?.join(" ") ?? key),
                copyButton(t("copy"), key, t("setUp.copyKey")),
                h("p", { class: "small" }, h("a", { href: otpauthUri }, t("setUp.sameDevice"))),
              ),
            ),
          ),
          h(
            "li",
            {},
            h("h2", {}, t("setUp.confirm")),
            form({
              fields: [otpField(t("otp"), t(featureFlags.backupCodes ? "setUp.otpHint" : "setUp.otpHintLast"))],
              submit: t("continue"),
              act: ({ otp }) => confirm(activationId, otp.replaceAll(" ", "")),
            }),
          ),
        ),
      ),
    ],
  };
}

/** @param {import("../operations.js").AuthenticatorApp[]} list */
function apps(list) {
  return h(
    "table",
    { class: "apps" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        [t("setUp.app"), t("setUp.apple"), t("setUp.android")].map((words) => h("th", { scope: "col" }, words)),
      ),
    ),
    h(
      "tbody",
      {},
      list.map(({ name, appStoreUrl, playStoreUrl }) =>
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
  const words = [store, h("span", { class: "hidden" }, `: ${app}`)];
  return h("a", { href, target: "_blank", rel: "noreferrer" }, words);
}

/** @param {string} activationId @param {string} otp */
async function confirm(activationId, otp) {
  const { confirmOtp: outcome } = await send(CONFIRM_OTP, { activationId, otp });
  switch (outcome.__typename) {
    // Which of the two it is, is up to the server: it alone knows whether backup codes are on at this moment.
    case "BackupCodesIssued":
      proceed({ step: "codes", shown: outcome });
      return;
    case "TwoFactorActivated":
      finish(outcome);
      return;
    case "ActivationExpired":
      proceed({ step: "password", begun: refusalText(outcome) });
      return;
    default:
      return refusal(outcome, "otp");
  }
}

/** @param {Outcome} issued @returns {Page} */
function codesPage({ activationId, codes, file }) {
  return {
    title: t("backupCodes"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        codesToStore(codes, file),
        form({
          fields: [{ name: "stored", label: t("codes.stored"), type: "checkbox", missing: t("codes.notStored") }],
          submit: t("activate"),
          act: () => acknowledge(activationId),
        }),
      ),
    ],
  };
}

/** @param {string} activationId */
async function acknowledge(activationId) {
  const { acknowledgeBackupCodes: outcome } = await send(ACKNOWLEDGE_BACKUP_CODES, { activationId });
  switch (outcome.__typename) {
    case "TwoFactorActivated":
      finish(outcome);
      return;
    case "ActivationExpired":
      proceed({ step: "password", begun: refusalText(outcome) });
      return;
    default:
      return refusal(outcome, "stored");
  }
}

/** @param {Outcome} activated */
function finish({ viewer }) {
  state.viewer = viewer;
  notify(t("activate.done"));
  go(viewer ? SECURITY : HOME, { replace: true });
}
