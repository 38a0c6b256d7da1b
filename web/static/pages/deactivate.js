/** Switching 2FA off. */

import { h, note } from "../dom.js";
import { form, passwordField, refusal } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notices.js";
import { DEACTIVATE } from "../operations.js";
import { go } from "../router.js";
import { state } from "../state.js";

const SECURITY = "/account/security";

/** @returns {import("../router.js").Page} */
export function deactivatePage() {
  return {
    title: t("deactivate"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        note(t("deactivate.lead"), "warn"),
        form({
          fields: [passwordField()],
          submit: t("continue"),
          tone: "danger",
          beside: [h("a", { href: `#${SECURITY}` }, t("cancel"))],
          act: deactivate,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function deactivate({ password }) {
  const { deactivateTwoFactor: outcome } = await send(DEACTIVATE, { password });
  if (outcome.__typename === "TwoFactorDeactivated") {
    state.viewer = outcome.viewer;
    notify(t("deactivate.done"));
    go(SECURITY, { replace: true });
    return;
  }
  return refusal(outcome, "password", { TwoFactorNotActive: undefined, TwoFactorIsEnforced: undefined });
}
