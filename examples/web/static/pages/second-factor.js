/** The second step of the login: an OTP or, in an emergency, a backup code. */

import { h, note } from "../dom.js";
import { form, formError, otpField } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { VERIFY_LOGIN } from "../operations.js";
import { navigate } from "../router.js";
import { state } from "../state.js";
import { finishLogin } from "./login.js";

/** @typedef {import("../router.js").Page} Page */

/** @returns {Page} */
export function otpPage() {
  return challengePage(t("verify.title"), [
    h("p", {}, t("verify.lead")),
    form({
      fields: [otpField(t("otp"), t("verify.otpHint"))],
      submit: t("verify"),
      onSubmit: ({ otp }) => verify("otp", { otp }),
      beforeButton: canUseBackupCode()
        ? [h("p", {}, h("a", { href: "#/login/backup-code" }, t("verify.useBackupCode")))]
        : ["verify.noBackupCode", "verify.askAdmin"].map((key) => h("p", { class: "muted small" }, t(key))),
    }),
  ]);
}

/** @returns {Page} */
export function backupCodePage() {
  if (state.challenge && !canUseBackupCode()) {
    queueMicrotask(() => navigate("/login/otp", { replace: true }));
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
      onSubmit: ({ backupCode }) => verify("backupCode", { backupCode }),
      beforeButton: [h("p", {}, h("a", { href: "#/login/otp" }, t("verify.useOtp")))],
    }),
    h("p", { class: "muted small" }, t("verify.askAdmin")),
  ]);
}

function canUseBackupCode() {
  return state.challenge?.methods.includes("BACKUP_CODE");
}

/** @param {string} title @param {Node[]} content @returns {Page} */
function challengePage(title, content) {
  if (!state.challenge) {
    // There is no challenge after a reload, or if the page is opened by its URL. The login starts again.
    queueMicrotask(() => navigate("/login", { replace: true }));
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
      finishLogin(verifyLogin);
      return;
    }
    case "ChallengeExpired":
      state.challenge = null;
      notify(userErrorText(verifyLogin), "error");
      navigate("/login", { replace: true });
      return;
    default:
      return formError(verifyLogin, field);
  }
}
