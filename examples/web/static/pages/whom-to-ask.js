/** Whom a user can ask to reset their 2FA: the other admins of the company or, without one, the operator. */

import { h } from "../dom.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { GET_ADMINS } from "../operations.js";
import { requireViewer, state } from "../state.js";

/** @returns {Promise<Node[]>} */
export async function whomToAsk() {
  const { id, company } = requireViewer((await send(GET_ADMINS, {})).viewer);
  const others = company.admins.nodes.filter((admin) => admin.id !== id);
  if (others.length === 0) {
    return [h("p", {}, t("help.operator", { product: state.config.productName }))];
  }
  return [
    h("p", {}, t("help.admins")),
    h("ul", {}, others.map(({ name, email }) => h("li", {}, t("help.admin", { name, email })))),
  ];
}
