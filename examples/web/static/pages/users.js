/** The list of users with their 2FA status, and the statistics of the whole company. For admins. */

import { h } from "../dom.js";
import { form } from "../forms.js";
import { send } from "../graphql.js";
import { formatDateTime, t } from "../i18n.js";
import { GET_STATISTICS, GET_USERS } from "../operations.js";
import { navigate } from "../router.js";
import { requireViewer } from "../state.js";
import { accountBadges } from "./account-badges.js";
import { addressOfPlace, loadByAddress } from "./list-address.js";
import { statisticsSection } from "./statistics.js";
import { twoFactorBadge } from "./two-factor-badge.js";

const FEW_CODES = 2;
/** The filter `enabled` of each choice. Disabled users are left out unless the admin asks for them. */
const ACCOUNTS = new Map([
  ["", true],
  ["disabled", false],
]);
/** The values of each choice. "" is the first one. @type {Record<string, () => [string, string][]>} */
const CHOICES = {
  twoFactor: () => [
    ["", t("all")],
    ["ACTIVE", t("state.ACTIVE")],
    ["INACTIVE", t("state.INACTIVE")],
  ],
  role: () => [
    ["", t("all")],
    ["MEMBER", t("role.MEMBER")],
    ["ADMIN", t("role.ADMIN")],
  ],
  fewCodes: () => [
    ["", t("all")],
    ["on", t("users.fewCodes", { count: FEW_CODES })],
  ],
  setupDue: () => [
    ["", t("all")],
    ["on", t("users.setupDue")],
  ],
  locked: () => [
    ["", t("all")],
    ["on", t("users.locked")],
  ],
  account: () => [
    ["", t("users.enabled")],
    ["disabled", t("users.disabled")],
    ["all", t("all")],
  ],
  orderBy: () => [
    ["", t("order.NAME")],
    ["NEWEST_FIRST", t("order.NEWEST_FIRST")],
    ["LAST_LOGIN", t("order.LAST_LOGIN")],
  ],
};
const IS_KNOWN = Object.fromEntries(
  Object.entries(CHOICES).map(([name, options]) => [
    name,
    (/** @type {string} */ value) => options().some(([known]) => known === value),
  ]),
);

/**
 * @param {import("../router.js").RouteLocation} location
 * @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>}
 */
export function usersPage(location) {
  return loadByAddress(location, IS_KNOWN, () => loadUsers(location));
}

/** @param {import("../router.js").RouteLocation} location @returns {Promise<import("../router.js").Page>} */
async function loadUsers(location) {
  const { query } = location;
  const [{ users }, { viewer }] = await Promise.all([
    send(GET_USERS, {
      filter: {
        search: query.get("search") || undefined,
        role: query.get("role") || undefined,
        twoFactor: query.get("twoFactor") || undefined,
        backupCodesRemainingAtMost: query.get("fewCodes") ? FEW_CODES : undefined,
        setupDue: query.get("setupDue") ? true : undefined,
        locked: query.get("locked") ? true : undefined,
        enabled: ACCOUNTS.get(query.get("account") ?? ""),
      },
      orderBy: query.get("orderBy") || "NAME",
      after: query.get("after") || null,
    }),
    send(GET_STATISTICS, {}),
  ]);
  return {
    title: t("users.title"),
    content: [
      statisticsSection(requireViewer(viewer).company.statistics),
      h(
        "section",
        { class: "card", "aria-labelledby": "list" },
        h("h2", { id: "list" }, t("users.count", { count: users.totalCount })),
        filterForm(query),
        users.nodes.length > 0 && userTable(users.nodes),
        pagination(location, users.pageInfo),
      ),
    ],
  };
}

/** @param {URLSearchParams} query */
function filterForm(query) {
  const element = form({
    fields: [
      {
        name: "search",
        label: t("users.search"),
        type: "search",
        value: query.get("search") ?? "",
        optional: true,
      },
      selectField(query, "twoFactor", t("users.twoFactor")),
      selectField(query, "role", t("role")),
      selectField(query, "fewCodes", t("backupCodes")),
      selectField(query, "setupDue", t("users.setup")),
      selectField(query, "locked", t("users.lock")),
      selectField(query, "account", t("users.account")),
      selectField(query, "orderBy", t("users.order")),
    ],
    submit: t("show"),
    onSubmit: async (values) => {
      navigate(`/users?${new URLSearchParams(Object.entries(values).filter(([, value]) => value))}`);
    },
  });
  element.className = "filters";
  element.setAttribute("role", "search");
  return element;
}

/**
 * @param {URLSearchParams} query
 * @param {string} name
 * @param {string} label
 * @returns {import("../forms.js").Field}
 */
function selectField(query, name, label) {
  return { name, label, type: "select", value: query.get(name) ?? "", optional: true, options: CHOICES[name]() };
}

/** @param {import("../operations.js").User[]} users */
function userTable(users) {
  const columns = [t("name"), t("users.twoFactor"), t("backupCodes"), t("role"), t("users.lastLogin")];
  const cellLabel = (/** @type {number} */ index) => ({ "data-label": columns[index] });
  return h(
    "table",
    { class: "table" },
    h("thead", {}, h("tr", {}, columns.map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      users.map((user) => {
        const { id, name, email, twoFactor, role, lastLoginAt } = user;
        return h(
          "tr",
          {},
          h(
            "th",
            { scope: "row" },
            h("a", { href: `#/users/${encodeURIComponent(id)}` }, name),
            h("span", {}, email),
            accountBadges(user),
          ),
          h("td", cellLabel(1), twoFactorBadge(twoFactor)),
          h("td", cellLabel(2), twoFactor.backupCodesRemaining === null ? "–" : String(twoFactor.backupCodesRemaining)),
          h("td", cellLabel(3), t(`role.${role}`)),
          h("td", cellLabel(4), formatDateTime(lastLoginAt) || t("never")),
        );
      }),
    ),
  );
}

/**
 * Links to the next and to the previous page.
 * @param {import("../router.js").RouteLocation} location
 * @param {import("../operations.js").PageInfo} pageInfo
 */
function pagination(location, { hasNextPage, endCursor }) {
  const previous = location.query.getAll("previous");
  const after = location.query.get("after") || null;
  if (!hasNextPage && after === null) {
    return null;
  }
  /** @param {string} address @param {string} text */
  const link = (address, text) => h("a", { class: "button", href: `#${address}` }, text);
  return h(
    "nav",
    { class: "row", "aria-label": t("users.pages") },
    after !== null &&
      link(addressOfPlace(location, previous.at(-1) ?? "", previous.slice(0, -1)), t("users.previous")),
    hasNextPage && link(addressOfPlace(location, endCursor ?? "", [...previous, after ?? ""]), t("users.next")),
  );
}
