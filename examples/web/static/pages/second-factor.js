/** The second step of the login: an OTP or, in an emergency, a backup code. */

import { BACKUP_CODE_PATH, OTP_PATH, currentChallenge, deleteChallenge } from "../challenge.js";
import { h, note } from "../dom.js";
import { form, formError, otpField } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { VERIFY_LOGIN } from "../operations.js";
import { LOGIN_PATH } from "../redirects.js";
import { navigate } from "../router.js";
import { finishLogin } from "./login.js";

/**
 * @typedef {import("../challenge.js").Challenge} Challenge
 * @typedef {import("../router.js").Page} Page
 * @typedef {import("../router.js").Redirect} Redirect
 */

/** @returns {Page | Redirect} */
export function otpPage() {
  const challenge = currentChallenge();
  if (!challenge) {
    return startOver();
  }
  return challengePage(t("verify.title"), [
    h("p", {}, t("verify.lead")),
    form({
      fields: [otpField(t("otp"), t("verify.otpHint"))],
      submit: t("verify"),
      focus: true,
      onSubmit: ({ otp }) => verify("otp", { otp }),
      beforeButton: canUseBackupCode(challenge)
        ? [h("p", {}, h("a", { href: `#${BACKUP_CODE_PATH}` }, t("verify.useBackupCode")))]
        : ["verify.noBackupCode", "verify.askAdmin"].map((key) => h("p", { class: "muted small" }, t(key))),
    }),
  ]);
}

/** @returns {Page | Redirect} */
export function backupCodePage() {
  const challenge = currentChallenge();
  if (!challenge) {
    return startOver();
  }
  if (!canUseBackupCode(challenge)) {
    return { redirectTo: OTP_PATH };
  }
  return challengePage(t("verify.backupTitle"), [
    note(t("verify.emergency"), "warning"),
    form({
      fields: [
        {
          name: "backupCode",
          label: t("backupCode"),
          hint: t("verify.backupHint"),
          attributes: { class: "code", autocomplete: "off", autocapitalize: "characters", spellcheck: "false" },
        },
      ],
      submit: t("verify"),
      focus: true,
      onSubmit: ({ backupCode }) => verify("backupCode", { backupCode }),
      beforeButton: [h("p", {}, h("a", { href: `#${OTP_PATH}` }, t("verify.useOtp")))],
    }),
    h("p", { class: "muted small" }, t("verify.askAdmin")),
  ]);
}

/** @param {Challenge} challenge */
function canUseBackupCode({ methods }) {
  return methods.includes("BACKUP_CODE");
}

/** Says why the page cannot be shown, and goes back to the password. @returns {Redirect} */
function startOver() {
  notify(t("verify.gone"), "error");
  return { redirectTo: LOGIN_PATH };
}

/** @param {string} title @param {Node[]} content @returns {Page} */
function challengePage(title, content) {
  return {
    title,
    narrow: true,
    content: [h("div", { class: "card" }, content), h("p", {}, h("a", { href: `#${LOGIN_PATH}` }, t("verify.startOver")))],
  };
}

/**
 * @param {"otp" | "backupCode"} field
 * @param {{ otp: string } | { backupCode: string }} secondFactor
 */
async function verify(field, secondFactor) {
  const { verifyLogin } = await send(VERIFY_LOGIN, {
    challengeToken: currentChallenge()?.challengeToken ?? "",
    secondFactor,
  });
  switch (verifyLogin.__typename) {
    case "LoggedIn": {
      const remaining = verifyLogin.viewer.twoFactor.backupCodesRemaining;
      if (field === "backupCode" && remaining !== null) {
        notify(t("verify.codesLeft", { count: remaining }));
      }
      finishLogin(verifyLogin);
      return;
    }
    case "ChallengeExpired":
      deleteChallenge();
      notify(userErrorText(verifyLogin), "error");
      navigate(LOGIN_PATH, { replace: true });
      return;
    default:
      return formError(verifyLogin, field);
  }
}
