/** What an admin can do with the account of a user: links on the page of the user, and a page that confirms each action. */

import { h, note } from "../dom.js";
import { adminChangeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { DISABLE_USER, ENABLE_USER, GET_USER_STATE, SET_USER_ROLE, UNLOCK_USER } from "../operations.js";
import { HOME_PATH } from "../redirects.js";
import { navigate } from "../router.js";
import { state } from "../state.js";

/**
 * @typedef {import("../operations.js").UserState} UserState
 * @typedef {{ userId: string, password: string, secondFactor: import("../operations.js").SecondFactor }} Confirmed
 *
 * @typedef {object} Action
 * @property {(user: UserState) => boolean} isPossible
 * @property {(variables: Confirmed) => Promise<import("../graphql.js").MutationResult>} run
 * @property {string} success the `__typename` of the result
 * @property {boolean} takesAway true if the user can do less afterwards
 */

/** The actions by their names, which are in the addresses of their pages and in the keys of their texts. @type {Record<string, Action>} */
const ACTIONS = {
  unlock: {
    isPossible: (user) => !isOwn(user) && (user.lockedUntil !== null || (user.lockedSecondFactors ?? []).length > 0),
    run: async (variables) => (await send(UNLOCK_USER, variables)).unlockUser,
    success: "UserUnlocked",
    takesAway: false,
  },
  enable: {
    isPossible: (user) => !isOwn(user) && user.enabled === false,
    run: async (variables) => (await send(ENABLE_USER, variables)).enableUser,
    success: "UserEnabled",
    takesAway: false,
  },
  promote: {
    isPossible: (user) => user.role === "MEMBER",
    run: async (variables) => (await send(SET_USER_ROLE, { ...variables, role: "ADMIN" })).setUserRole,
    success: "UserRoleSet",
    takesAway: false,
  },
  demote: {
    isPossible: (user) => user.role === "ADMIN",
    run: async (variables) => (await send(SET_USER_ROLE, { ...variables, role: "MEMBER" })).setUserRole,
    success: "UserRoleSet",
    takesAway: true,
  },
  disable: {
    isPossible: (user) => !isOwn(user) && user.enabled === true,
    run: async (variables) => (await send(DISABLE_USER, variables)).disableUser,
    success: "UserDisabled",
    takesAway: true,
  },
};

/** @param {UserState} user */
function isOwn(user) {
  return user.id === state.viewer?.id;
}

/** @param {UserState} user */
function pathOf({ id }) {
  return `/users/${encodeURIComponent(id)}`;
}

/** Returns what an action does. @param {string} action @param {UserState} user */
function effectText(action, user) {
  const { name, enabled } = user;
  if (isOwn(user)) {
    return t(`userActions.${action}Own`);
  }
  // A disabled user, who cannot log in, gets an email only when they are enabled again.
  const email = enabled || action === "enable" ? t("userActions.email", { name }) : "";
  return `${t(`userActions.${action}Lead`, { name })} ${email}`;
}

/** Returns the section with a link to each action that is possible. @param {UserState} user */
export function actionsSection(user) {
  const possible = Object.keys(ACTIONS).filter((name) => ACTIONS[name].isPossible(user));
  return h(
    "section",
    { class: "card", "aria-labelledby": "actions" },
    h("h2", { id: "actions" }, t("userActions.title")),
    h(
      "p",
      { class: "row" },
      possible.map((name) =>
        h("a", { class: "button", href: `#${pathOf(user)}/account/${name}` }, t(`userActions.${name}`)),
      ),
    ),
  );
}

/**
 * The page that says what an action does, and asks for the password of the admin.
 * @param {import("../router.js").RouteLocation} location
 * @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>}
 */
export async function userActionPage({ parameters: { id, action: actionName } }) {
  const action = Object.hasOwn(ACTIONS, actionName) ? ACTIONS[actionName] : undefined;
  const { user } = await send(GET_USER_STATE, { id });
  if (!user) {
    return { redirectTo: "/users" };
  }
  const path = pathOf(user);
  if (!action?.isPossible(user)) {
    return { redirectTo: path };
  }
  const { name } = user;
  return {
    title: t(`userActions.${actionName}`),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, h("strong", {}, name)),
        note(effectText(actionName, user), "warning"),
        form({
          fields: adminChangeFields(),
          submit: t(`userActions.${actionName}`),
          variant: action.takesAway ? "danger" : "primary",
          focus: true,
          besideButton: [h("a", { href: `#${path}` }, t("cancel"))],
          onSubmit: async (values) => {
            const confirmed = { userId: user.id, password: values.password, secondFactor: secondFactorOf(values) };
            const result = await action.run(confirmed);
            if (result.__typename !== action.success) {
              return formError(result, "password", {
                UserNotFound: undefined,
                CannotChangeOwnAccount: undefined,
                LastAdmin: undefined,
              });
            }
            state.viewer = result.viewer;
            notify(t(`userActions.${actionName}Done`, { name }));
            navigate(state.viewer?.role === "ADMIN" ? path : HOME_PATH, { replace: true });
            return undefined;
          },
        }),
      ),
    ],
  };
}
