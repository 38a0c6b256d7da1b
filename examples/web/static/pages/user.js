/** The page of one user, with the changes that admins can make. */

import { definitionList, h, note } from "../dom.js";
import { adminChangeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { formatDateTime, t } from "../i18n.js";
import { notify } from "../notifications.js";
import { END_USER_SESSIONS, GET_USER, RESET_TWO_FACTOR } from "../operations.js";
import { refresh } from "../router.js";
import { state } from "../state.js";
import { accountBadges } from "./account-badges.js";
import { authenticatorText } from "./authenticator-text.js";
import { timeline } from "./timeline.js";
import { twoFactorBadge } from "./two-factor-badge.js";
import { actionsSection } from "./user-actions.js";
import { enforcementSection } from "./user-enforcement.js";
import { keepVoucher, voucherCard } from "./voucher.js";
import { whomToAsk } from "./whom-to-ask.js";

/** @typedef {import("../operations.js").User} User */

/** @param {import("../router.js").RouteLocation} location @returns {Promise<import("../router.js").Page>} */
export async function userPage({ parameters }) {
  const { user } = await send(GET_USER, { id: parameters.id });
  const backLink = h("p", {}, h("a", { href: "#/users" }, t("user.back")));
  if (!user) {
    return { title: t("user.notFound"), narrow: true, content: [backLink] };
  }
  return {
    title: user.name,
    content: [
      backLink,
      ...voucherCard(user),
      h("div", { class: "card" }, userDetails(user)),
      actionsSection(user),
      h(
        "section",
        { class: "card", "aria-labelledby": "reset" },
        h("h2", { id: "reset" }, t("reset.title")),
        await resetContent(user),
      ),
      ...(user.id === state.viewer?.id ? [] : [enforcementSection(user)]),
      // A disabled user has no session.
      ...(user.id === state.viewer?.id || user.enabled === false ? [] : [endSessionsSection(user)]),
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
function userDetails(user) {
  const { email, role, twoFactor, createdAt, lastLoginAt } = user;
  const badges = accountBadges(user);
  const { backupCodesRemaining } = twoFactor;
  return definitionList([
    [t("login"), badges.length > 0 && h("span", {}, badges)],
    [t("twoFactor"), twoFactorBadge(twoFactor)],
    [t("security.since"), formatDateTime(twoFactor.activatedAt)],
    [t("security.lastUsed"), formatDateTime(twoFactor.lastUsedAt)],
    [t("authenticators"), (user.authenticators ?? []).map(authenticatorText).join("; ")],
    [t("backupCodes"), state.viewer?.company.backupCodesEnabled ? String(backupCodesRemaining ?? "") : t("codes.off")],
    [t("email"), email],
    [t("role"), t(`role.${role}`)],
    [t("user.created"), formatDateTime(createdAt)],
    [t("users.lastLogin"), formatDateTime(lastLoginAt) || t("never")],
    [t("sessions.title"), String(user.sessionCount ?? "")],
    [t("devices.title"), String(user.deviceCount ?? "")],
  ]);
}

/** @param {Pick<User, "enabled" | "twoFactor">} user */
function leadOfReset({ enabled, twoFactor }) {
  if (twoFactor.voucherNeeded) {
    return "reset.leadAgain";
  }
  return enabled === false ? "reset.leadDisabled" : "reset.lead";
}

/** @param {User} user @returns {Promise<Node[]>} */
async function resetContent({ id, name, enabled, twoFactor }) {
  const isOwn = id === state.viewer?.id;
  if (twoFactor.state !== "ACTIVE" && (isOwn || !twoFactor.voucherNeeded)) {
    return [h("p", { class: "muted" }, t("reset.inactive", { name }))];
  }
  if (isOwn) {
    return twoFactor.enforced
      ? [h("p", { class: "muted" }, t("reset.ownAccountEnforced")), ...(await whomToAsk())]
      : [h("p", { class: "muted" }, t("reset.ownAccount"))];
  }
  return [
    note(t(leadOfReset({ enabled, twoFactor }), { name }), "warning"),
    ...(state.viewer?.company.resetsNeedVoucher ? [note(t("reset.voucher", { name }))] : []),
    form({
      fields: [
        {
          name: "reason",
          label: t("reset.reason"),
          hint: t("reset.reasonHint"),
          type: "textarea",
          optional: true,
        },
        ...adminChangeFields(),
      ],
      submit: t("reset"),
      variant: "danger",
      onSubmit: async (values) => {
        const { adminResetTwoFactor: result } = await send(RESET_TWO_FACTOR, {
          userId: id,
          password: values.password,
          reason: values.reason.trim() || null,
          secondFactor: secondFactorOf(values),
        });
        if (result.__typename === "TwoFactorReset") {
          keepVoucher(id, result);
          notify(t("reset.done", { name }));
          refresh();
          return;
        }
        return formError(result, "password", {
          UserNotFound: undefined,
          TwoFactorNotActive: undefined,
          CannotResetOwnTwoFactor: undefined,
        });
      },
    }),
  ];
}

/** @param {User} user */
function endSessionsSection(user) {
  return h(
    "section",
    { class: "card", "aria-labelledby": "end-sessions" },
    h("h2", { id: "end-sessions" }, t("endSessions.title")),
    h("p", {}, t("endSessions.lead", { name: user.name })),
    endSessionsForm(user),
  );
}

/** @param {User} user */
function endSessionsForm({ id, name }) {
  return form({
    fields: adminChangeFields(t("endSessions.password")),
    submit: t("endSessions"),
    variant: "danger",
    onSubmit: async (values) => {
      const { endUserSessions: result } = await send(END_USER_SESSIONS, {
        userId: id,
        password: values.password,
        secondFactor: secondFactorOf(values),
      });
      if (result.__typename === "UserSessionsEnded") {
        notify(t("endSessions.done", { name }));
        refresh();
        return;
      }
      return formError(result, "password", { UserNotFound: undefined, CannotEndOwnSessions: undefined });
    },
  });
}
