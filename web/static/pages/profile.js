/** Who is signed in. */

import { facts, h } from "../dom.js";
import { t } from "../i18n.js";
import { state } from "../state.js";
import { tabs } from "./account.js";
import { stateBadge } from "./two-factor.js";

/** @returns {import("../router.js").Page} */
export function profilePage() {
  const viewer = /** @type {import("../operations.js").Viewer} */ (state.viewer);
  return {
    title: t("profile.title"),
    tabs: tabs("/account"),
    content: [
      h(
        "div",
        { class: "card" },
        facts([
          [t("name"), viewer.name],
          [t("email"), viewer.email],
          [t("company"), viewer.company.name],
          [t("role"), t(`role.${viewer.role}`)],
          [t("twoFactor"), stateBadge(viewer.twoFactor)],
        ]),
      ),
    ],
  };
}
