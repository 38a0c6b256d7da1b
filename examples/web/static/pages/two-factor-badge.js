/** A badge with the 2FA status of a user. */

import { badge } from "../dom.js";
import { t } from "../i18n.js";

/** @param {import("../operations.js").TwoFactor} twoFactor */
export function twoFactorBadge({ state }) {
  return state === "ACTIVE" ? badge(t("state.ACTIVE"), "success") : badge(t("state.INACTIVE"), "warning");
}
