/** Signing in, second step: an OTP, or in an emergency a backup code. */

import { h, note } from "../dom.js";
import { form, otpField, refusal } from "../forms.js";
import { refusalText, send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notices.js";
import { VERIFY_LOGIN } from "../operations.js";
import { go } from "../router.js";
import { state } from "../state.js";
import { arrive } from "./login.js";

/** @typedef {import("../router.js").Page} Page */

/** @returns {Page} */
export function otpPage() {
  return page(t("verify.title"), [
    h("p", {}, t("verify.lead")),
    form({
      fields: [otpField(t("otp"), t("verify.otpHint"))],
      submit: t("verify"),
      act: ({ otp }) => verify("otp", { otp: otp.replaceAll(" ", "") }),
      between: canUseBackupCode()
        ? [h("p", {}, h("a", { href: "#/login/backup-code" }, t("verify.useBackupCode")))]
        : [h("p", { class: "quiet small" }, t("verify.askAdmin"))],
    }),
  ]);
}

/** @returns {Page} */
export function backupCodePage() {
  if (state.challenge && !canUseBackupCode()) {
    queueMicrotask(() => go("/login/otp", { replace: true }));
  }
  return page(t("verify.backupTitle"), [
    note(t("verify.emergency"), "warn"),
    form({
      fields: [
        {
          name: "backupCode",
          label: t("backupCode"),
          hint: t("verify.backupHint"),
          attributes: { class: "code", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 40 },
        },
      ],
      submit: t("verify"),
      act: ({ backupCode }) => verify("backupCode", { backupCode }),
      between: [h("p", {}, h("a", { href: "#/login/otp" }, t("verify.useOtp")))],
    }),
    h("p", { class: "quiet small" }, t("verify.askAdmin")),
  ]);
}

function canUseBackupCode() {
  return state.challenge?.methods.includes("BACKUP_CODE");
}

/** @param {string} title @param {Node[]} content @returns {Page} */
function page(title, content) {
  if (!state.challenge) {
    // The page was loaded anew, or left.
    queueMicrotask(() => go("/login", { replace: true }));
    return { title, narrow: true, content: [] };
  }
  return {
    title,
    narrow: true,
    content: [h("div", { class: "card" }, content), h("p", {}, h("a", { href: "#/login" }, t("verify.startOver")))],
  };
}

/**
 * @param {"otp" | "backupCode"} field
 * @param {{ otp: string } | { backupCode: string }} secondFactor
 */
async function verify(field, secondFactor) {
  const { verifyLogin } = await send(VERIFY_LOGIN, {
    challengeToken: state.challenge?.challengeToken ?? "",
    secondFactor,
  });
  switch (verifyLogin.__typename) {
    case "LoggedIn": {
      const remaining = verifyLogin.viewer.twoFactor.backupCodesRemaining;
      if (field === "backupCode" && remaining !== null) {
        notify(t("verify.codesLeft", { count: remaining }));
      }
      arrive(verifyLogin);
      return;
    }
    case "ChallengeExpired":
      state.challenge = null;
      notify(refusalText(verifyLogin), "bad");
      go("/login", { replace: true });
      return;
    default:
      return refusal(verifyLogin, field);
  }
}
