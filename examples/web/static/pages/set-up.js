/** The page on which the user sets up an authenticator app: QR code, key, and the first OTP. */

import { h } from "../dom.js";
import { form, otpField } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { GET_ACTIVATION_PAGE } from "../operations.js";
import { copyButton } from "./backup-code-list.js";

// A device with a touch screen and no mouse, or a narrow window.
const PHONE = "(hover: none) and (pointer: coarse), (max-width: 30rem)";

/**
 * @typedef {object} Texts
 * @property {string} title
 * @property {string} lead
 * @property {string} addText what to do in the app
 * @property {(flags: { backupCodes: boolean }) => string} otpHint
 * @property {(otp: string) => Promise<import("../forms.js").FormError | void>} onOtp
 */

/**
 * @param {import("../graphql.js").MutationResult} activation
 * @param {Texts} texts
 * @returns {Promise<import("../router.js").Page>}
 */
export async function setUpPage({ key, otpauthUri, issuer, accountName, qrCode }, { title, lead, addText, otpHint, onOtp }) {
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
    title,
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, lead),
        h(
          "ol",
          { class: "steps" },
          h("li", {}, h("h2", {}, t("setUp.install")), h("p", {}, t("setUp.installText")), appTable(authenticatorApps)),
          h(
            "li",
            {},
            h("h2", {}, t("setUp.add", { issuer })),
            h("p", {}, addText),
            isOnPhone && openApp,
            h("div", { class: "set-up" }, isOnPhone ? [enter, scan] : [scan, enter]),
            !isOnPhone && openApp,
          ),
          h(
            "li",
            {},
            h("h2", {}, t("setUp.confirm")),
            form({
              fields: [otpField(t("otp"), otpHint(featureFlags))],
              submit: t("continue"),
              focus: true,
              onSubmit: ({ otp }) => onOtp(otp),
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
