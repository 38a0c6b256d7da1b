/** The Security tab: where 2FA stands, and what can be done about it. */

import { facts, h, note } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { loadViewer, present } from "../state.js";
import { tabs } from "./account.js";
import { stateBadge } from "./two-factor.js";

const FEW_CODES = 2;

/** @returns {Promise<import("../router.js").Page>} */
export async function securityPage() {
  // Codes are used and 2FA is reset elsewhere, so what we knew may be old.
  const { company, twoFactor } = present(await loadViewer());
  const isActive = twoFactor.state === "ACTIVE";
  return {
    title: t("security.title"),
    tabs: tabs("/account/security"),
    content: [
      h(
        "section",
        { class: "card", "aria-labelledby": "two-factor" },
        h("div", { class: "row spread" }, h("h2", { id: "two-factor" }, t("twoFactor")), stateBadge(twoFactor)),
        h("p", {}, t(isActive ? "security.active" : "security.inactive")),
        facts([
          [t("security.since"), dateTime(twoFactor.activatedAt)],
          [t("security.lastUsed"), dateTime(twoFactor.lastUsedAt)],
        ]),
        twoFactor.enforced && note(t("security.enforced", { company: company.name })),
        !isActive && link("main", "/account/security/activate", t("activate")),
        isActive && !twoFactor.enforced && link("danger", "/account/security/deactivate", t("deactivate")),
      ),
      ...(twoFactor.backupCodesRemaining === null ? [] : [backupCodes(twoFactor.backupCodesRemaining)]),
      ...(isActive ? [newDevice(twoFactor.enforced)] : []),
    ],
  };
}

/** @param {number} remaining */
function backupCodes(remaining) {
  return h(
    "section",
    { class: "card", "aria-labelledby": "backup-codes" },
    h("h2", { id: "backup-codes" }, t("backupCodes")),
    remaining <= FEW_CODES
      ? note(t("security.codesLeft", { count: remaining }), "warn")
      : h("p", {}, t("security.codesLeft", { count: remaining })),
    link("", "/account/security/backup-codes", t("regenerate")),
  );
}

/** @param {boolean} enforced */
function newDevice(enforced) {
  return h(
    "section",
    { class: "card", "aria-labelledby": "new-device" },
    h("h2", { id: "new-device" }, t("newDevice")),
    h("p", {}, t(enforced ? "newDevice.enforced" : "newDevice.text")),
  );
}

/** @param {string} tone @param {string} path @param {string} words */
function link(tone, path, words) {
  return h("p", {}, h("a", { class: `button ${tone}`, href: `#${path}` }, words));
}
