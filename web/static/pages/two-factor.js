/** Where 2FA stands, at a glance. */

import { badge } from "../dom.js";
import { t } from "../i18n.js";

/** @param {import("../operations.js").TwoFactor} twoFactor */
export function stateBadge({ state }) {
  return state === "ACTIVE" ? badge(t("state.ACTIVE"), "good") : badge(t("state.INACTIVE"), "warn");
}
