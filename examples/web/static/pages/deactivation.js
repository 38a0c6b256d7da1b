/** The page that deactivates 2FA. */

import { h, note } from "../dom.js";
import { changeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { DEACTIVATE } from "../operations.js";
import { navigate } from "../router.js";
import { keepNewToken, state } from "../state.js";

const SECURITY_PATH = "/account/security";

/** @returns {import("../router.js").Page} */
export function deactivationPage() {
  return {
    title: t("deactivate"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        note(t(state.viewer?.company.backupCodesEnabled ? "deactivate.lead" : "deactivate.leadWithoutCodes"), "warning"),
        form({
          fields: changeFields(),
          submit: t("continue"),
          variant: "danger",
          besideButton: [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: deactivate,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function deactivate(values) {
  const { deactivateTwoFactor: result } = await send(DEACTIVATE, {
    password: values.password,
    secondFactor: secondFactorOf(values),
  });
  if (result.__typename === "TwoFactorDeactivated") {
    keepNewToken(result);
    state.viewer = result.viewer;
    notify(t("deactivate.done"));
    navigate(SECURITY_PATH, { replace: true });
    return;
  }
  return formError(result, "password", { TwoFactorNotActive: undefined, TwoFactorIsEnforced: undefined });
}
