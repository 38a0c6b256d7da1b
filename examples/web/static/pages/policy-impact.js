/** Whom a change of the policy would ask to set up 2FA, before an admin saves it. */

import { h, note } from "../dom.js";
import { send } from "../graphql.js";
import { formatDateTime, t } from "../i18n.js";
import { GET_POLICY_IMPACT } from "../operations.js";
import { handleError } from "../redirects.js";

/** @typedef {import("../operations.js").PolicyImpact} PolicyImpact */
/** @typedef {import("../operations.js").PolicyChange} PolicyChange */

/** Returns the impact of a change. @param {PolicyChange} change @returns {Promise<PolicyImpact>} */
export async function loadImpact(change) {
  return (await send(GET_POLICY_IMPACT, { change, after: null })).policyImpact;
}

/**
 * Returns a note for each effect.
 * @param {PolicyImpact} impact
 * @param {string | null} date the date of the rule after the change. Whether it has passed is for the server to say: the
 *     clock of the browser may be wrong.
 * @returns {Node[]}
 */
export function impactNotes(impact, date) {
  const { at, usersToSetUp, signedInUsersToSetUp, adminsWhoCanAct, viewerHasToSetUp } = impact;
  const effects = [
    date && Date.parse(date) === Date.parse(at) ? t("effect.from", { date: formatDateTime(at) }) : "",
    usersToSetUp > 0 ? t("effect.enforce", { count: usersToSetUp }) : t("effect.enforceNone"),
    usersToSetUp > 0 ? t("effect.signedIn", { count: signedInUsersToSetUp }) : "",
    viewerHasToSetUp ? t("effect.enforceOwn") : "",
    adminsWhoCanAct > 0 ? t("effect.admins", { count: adminsWhoCanAct }) : "",
  ].filter(Boolean);
  const notes = effects.map((effect) => note(effect, "warning"));
  return adminsWhoCanAct > 0 ? notes : [...notes, note(t("effect.noAdmin"), "error")];
}

/**
 * Returns a list of the users who would have to set up 2FA, which loads more of them when it is asked. Null if there are none.
 * @param {PolicyImpact} impact
 * @param {PolicyChange} change
 */
export function usersOfImpact({ usersToSetUp, users }, change) {
  if (usersToSetUp === 0) {
    return null;
  }
  let { pageInfo } = users;
  const list = h("ul", {}, users.nodes.map(userItem));
  const more = h("button", { type: "button", hidden: !pageInfo.hasNextPage, onclick: loadMore }, t("effect.more"));
  return h("details", {}, h("summary", {}, t("effect.whom")), list, more);

  async function loadMore() {
    try {
      const { policyImpact } = await send(GET_POLICY_IMPACT, { change, after: pageInfo.endCursor });
      const items = policyImpact.users.nodes.map(userItem);
      list.append(...items);
      pageInfo = policyImpact.users.pageInfo;
      more.hidden = !pageInfo.hasNextPage;
      // The button can be hidden now.
      items[0]?.querySelector("a")?.focus();
    } catch (error) {
      handleError(error);
    }
  }
}

/** @param {{ id: string, name: string, email: string }} user */
function userItem({ id, name, email }) {
  return h("li", {}, h("a", { href: `#/users/${encodeURIComponent(id)}` }, name), ` ${email}`);
}
