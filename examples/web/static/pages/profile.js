/** The profile of the signed-in user. */

import { definitionList, h } from "../dom.js";
import { t } from "../i18n.js";
import { state } from "../state.js";
import { accountTabs } from "./account-tabs.js";
import { twoFactorBadge } from "./two-factor-badge.js";

/** @returns {import("../router.js").Page} */
export function profilePage() {
  const viewer = /** @type {import("../operations.js").Viewer} */ (state.viewer);
  return {
    title: t("profile.title"),
    tabs: accountTabs("/account"),
    content: [
      h(
        "div",
        { class: "card" },
        definitionList([
          [t("name"), viewer.name],
          [t("email"), viewer.email],
          [t("company"), viewer.company.name],
          [t("role"), t(`role.${viewer.role}`)],
          [t("twoFactor"), twoFactorBadge(viewer.twoFactor)],
        ]),
      ),
    ],
  };
}
