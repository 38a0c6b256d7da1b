/** The tabs above the pages of the user's own account. */

import { h } from "../dom.js";
import { t } from "../i18n.js";

const TABS = [
  ["/account", "profile.title"],
  ["/account/security", "security.title"],
  ["/account/sessions", "sessions.title"],
  ["/account/password", "changePassword.title"],
  ["/account/activity", "activity.title"],
];

/** @param {string} currentPath */
export function accountTabs(currentPath) {
  return h(
    "nav",
    { class: "tabs", "aria-label": t("account") },
    h(
      "ul",
      {},
      TABS.map(([path, key]) =>
        h("li", {}, h("a", { href: `#${path}`, "aria-current": path === currentPath ? "page" : null }, t(key))),
      ),
    ),
  );
}
