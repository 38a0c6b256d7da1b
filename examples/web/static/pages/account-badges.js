/** Badges for users who cannot log in: disabled ones, and those whose login is locked for unknown devices. */

import { badge } from "../dom.js";
import { formatTime, t } from "../i18n.js";

/** @param {import("../operations.js").Account} account @returns {Node[]} */
export function accountBadges({ enabled, lockedUntil, lockedSecondFactors }) {
  return [
    ...(enabled === false ? [badge(t("user.disabled"), "warning")] : []),
    ...(lockedUntil ? [badge(t("user.lockedUntil", { time: formatTime(lockedUntil) }), "warning")] : []),
    ...(lockedSecondFactors ?? []).map((factor) =>
      badge(t("user.lockedFactor", { factor: t(`secondFactor.${factor}`) }), "warning"),
    ),
  ];
}
