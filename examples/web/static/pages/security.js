/** The Security tab: the status of the user's 2FA, and links to change it. */

import { definitionList, h, note } from "../dom.js";
import { formatDateTime, t } from "../i18n.js";
import { loadViewer, requireViewer } from "../state.js";
import { accountTabs } from "./account-tabs.js";
import { authenticatorList } from "./authenticators.js";
import { noBackupCodesHint } from "./no-backup-codes.js";
import { twoFactorBadge } from "./two-factor-badge.js";
import { whomToAsk } from "./whom-to-ask.js";

// Show a warning if there are at most this many backup codes left.
const FEW_CODES = 2;

/** @returns {Promise<import("../router.js").Page>} */
export async function securityPage() {
  // Load the viewer again: another session can use a backup code, and an admin can reset 2FA.
  const { company, twoFactor } = requireViewer(await loadViewer());
  const isActive = twoFactor.state === "ACTIVE";
  return {
    title: t("security.title"),
    tabs: accountTabs("/account/security"),
    content: [
      h(
        "section",
        { class: "card", "aria-labelledby": "two-factor" },
        h("div", { class: "row space-between" }, h("h2", { id: "two-factor" }, t("twoFactor")), twoFactorBadge(twoFactor)),
        h("p", {}, t(isActive ? "security.active" : "security.inactive")),
        definitionList([
          [t("security.since"), formatDateTime(twoFactor.activatedAt)],
          [t("security.lastUsed"), formatDateTime(twoFactor.lastUsedAt)],
        ]),
        twoFactor.enforced && note(t("security.enforced")),
        !isActive && linkButton("primary", "/account/security/activate", t("activate")),
        isActive && !twoFactor.enforced && linkButton("danger", "/account/security/deactivate", t("deactivate")),
      ),
      ...(twoFactor.backupCodesRemaining === null ? [] : [backupCodesCard(twoFactor)]),
      ...(isActive && !company.backupCodesEnabled ? [noBackupCodesCard()] : []),
      ...(isActive ? [await newDeviceCard(twoFactor.enforced), await helpCard()] : []),
    ],
  };
}

/** @param {import("../operations.js").TwoFactor} twoFactor */
function backupCodesCard(twoFactor) {
  const count = twoFactor.backupCodesRemaining ?? 0;
  const text = t("security.codesLeft", { count });
  return h(
    "section",
    { class: "card", "aria-labelledby": "backup-codes" },
    h("h2", { id: "backup-codes" }, t("backupCodes")),
    count === 0
      ? noBackupCodesHint(twoFactor)
      : [
          count <= FEW_CODES ? note(text, "warning") : h("p", {}, text),
          linkButton("", "/account/security/backup-codes", t("regenerate")),
        ],
  );
}

function noBackupCodesCard() {
  return h(
    "section",
    { class: "card", "aria-labelledby": "backup-codes" },
    h("h2", { id: "backup-codes" }, t("backupCodes")),
    h("p", {}, t("security.codesOff")),
  );
}

/** @param {boolean} enforced */
async function newDeviceCard(enforced) {
  return h(
    "section",
    { class: "card", "aria-labelledby": "new-device" },
    h("h2", { id: "new-device" }, t("newDevice")),
    h("p", {}, t("newDevice.text")),
    await authenticatorList(),
    !enforced && h("p", { class: "muted small" }, t("newDevice.otherWay")),
  );
}

async function helpCard() {
  return h(
    "section",
    { class: "card", "aria-labelledby": "help" },
    h("h2", { id: "help" }, t("help.title")),
    await whomToAsk(),
  );
}

/** @param {string} variant @param {string} path @param {string} text */
function linkButton(variant, path, text) {
  return h("p", {}, h("a", { class: `button ${variant}`, href: `#${path}` }, text));
}
