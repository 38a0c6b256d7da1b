/** The text of an authenticator: its name, and when it was used. */

import { formatDateTime, t } from "../i18n.js";

/** @param {import("../operations.js").Authenticator} authenticator */
export function authenticatorText({ name, lastUsedAt }) {
  return t("authenticators.item", { name: name ?? t("authenticators.unnamed"), time: formatDateTime(lastUsedAt) });
}
