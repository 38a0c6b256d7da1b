/** One user, as an admin sees them; and the reset of their 2FA. */

import { facts, h, note } from "../dom.js";
import { form, passwordField, refusal } from "../forms.js";
import { send } from "../graphql.js";
import { dateTime, t } from "../i18n.js";
import { notify } from "../notices.js";
import { GET_USER, RESET_TWO_FACTOR } from "../operations.js";
import { refresh } from "../router.js";
import { state } from "../state.js";
import { timeline } from "./timeline.js";
import { stateBadge } from "./two-factor.js";

/** @typedef {import("../operations.js").User} User */

/** @param {import("../router.js").Place} place @returns {Promise<import("../router.js").Page>} */
export async function userPage({ parameters }) {
  const { user } = await send(GET_USER, { id: parameters.id });
  const back = h("p", {}, h("a", { href: "#/users" }, t("user.back")));
  if (!user) {
    return { title: t("user.none"), narrow: true, content: [back] };
  }
  return {
    title: user.name,
    content: [
      back,
      h("div", { class: "card" }, whoItIs(user)),
      h("section", { class: "card", "aria-labelledby": "reset" }, h("h2", { id: "reset" }, t("reset.title")), reset(user)),
      h(
        "section",
        { class: "card", "aria-labelledby": "activity" },
        h("h2", { id: "activity" }, t("user.activity")),
        timeline(user.securityEvents.nodes, { withUsers: false, level: 3 }),
        h("p", {}, h("a", { href: `#/events?user=${encodeURIComponent(user.id)}` }, t("user.allEvents"))),
      ),
    ],
  };
}

/** @param {User} user */
function whoItIs({ email, role, twoFactor, createdAt, lastLoginAt }) {
  const { backupCodesRemaining } = twoFactor;
  return facts([
    [t("twoFactor"), stateBadge(twoFactor)],
    [t("security.since"), dateTime(twoFactor.activatedAt)],
    [t("security.lastUsed"), dateTime(twoFactor.lastUsedAt)],
    [t("backupCodes"), backupCodesRemaining === null ? "" : String(backupCodesRemaining)],
    [t("email"), email],
    [t("role"), t(`role.${role}`)],
    [t("user.created"), dateTime(createdAt)],
    [t("users.lastLogin"), dateTime(lastLoginAt) || t("never")],
  ]);
}

/** @param {User} user @returns {Node[]} */
function reset({ id, name, twoFactor }) {
  if (twoFactor.state !== "ACTIVE") {
    return [h("p", { class: "quiet" }, t("reset.inactive", { name }))];
  }
  if (id === state.viewer?.id) {
    return [h("p", { class: "quiet" }, t("reset.own"))];
  }
  return [
    note(t("reset.lead", { name }), "warn"),
    form({
      fields: [
        {
          name: "reason",
          label: t("reset.reason"),
          hint: t("reset.reasonHint"),
          type: "textarea",
          optional: true,
          attributes: { maxlength: 500 },
        },
        { ...passwordField(), label: t("ownPassword") },
      ],
      submit: t("reset"),
      tone: "danger",
      act: async ({ password, reason }) => {
        const { adminResetTwoFactor: outcome } = await send(RESET_TWO_FACTOR, {
          userId: id,
          password,
          reason: reason.trim() || null,
        });
        if (outcome.__typename === "TwoFactorReset") {
          notify(t("reset.done", { name }));
          refresh();
          return;
        }
        return refusal(outcome, "password", {
          UserNotFound: undefined,
          TwoFactorNotActive: undefined,
          CannotResetOwnTwoFactor: undefined,
        });
      },
    }),
  ];
}
