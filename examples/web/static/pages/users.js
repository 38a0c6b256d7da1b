/** The list of users with their 2FA status, and a chart of the whole company. For admins. */

import { h, svg } from "../dom.js";
import { form } from "../forms.js";
import { send } from "../graphql.js";
import { formatDateTime, t } from "../i18n.js";
import { COUNT_USERS, GET_USERS } from "../operations.js";
import { navigate } from "../router.js";
import { accountBadges } from "./account-badges.js";
import { twoFactorBadge } from "./two-factor-badge.js";

const FEW_CODES = 2;
/** The filter `enabled` of each choice. Disabled users are left out unless the admin asks for them. */
const ACCOUNTS = new Map([
  ["", true],
  ["disabled", false],
]);
// The radius of a circle with a circumference of 100, so that the length of an arc is a percentage.
const CHART_RADIUS = 15.9155;

/** @param {import("../router.js").RouteLocation} location @returns {Promise<import("../router.js").Page>} */
export async function usersPage({ query }) {
  const [{ users }, counts] = await Promise.all([
    send(GET_USERS, {
      filter: {
        search: query.get("search") ?? undefined,
        role: query.get("role") ?? undefined,
        twoFactor: query.get("twoFactor") ?? undefined,
        backupCodesRemainingAtMost: query.get("fewCodes") ? FEW_CODES : undefined,
        enabled: ACCOUNTS.get(query.get("account") ?? ""),
      },
      orderBy: query.get("orderBy") ?? "NAME",
      after: query.get("after"),
    }),
    send(COUNT_USERS, {}),
  ]);
  return {
    title: t("users.title"),
    content: [
      activationChart(counts.active.totalCount, counts.inactive.totalCount, counts.fewCodes.totalCount),
      h(
        "section",
        { class: "card", "aria-labelledby": "list" },
        h("h2", { id: "list" }, t("users.count", { count: users.totalCount })),
        filterForm(query),
        users.nodes.length > 0 && userTable(users.nodes),
        pagination(query, users.pageInfo),
      ),
    ],
  };
}

/**
 * Shows how many users have 2FA, as a ring chart and in text.
 * @param {number} active
 * @param {number} inactive
 * @param {number} fewCodes
 */
function activationChart(active, inactive, fewCodes) {
  const total = active + inactive;
  const percent = total ? Math.round((100 * active) / total) : 0;
  const ring = { cx: 21, cy: 21, r: CHART_RADIUS, "stroke-width": 5 };
  return h(
    "section",
    { class: "card", "aria-labelledby": "chart-title" },
    h("h2", { id: "chart-title" }, t("chart.title")),
    h(
      "div",
      { class: "chart" },
      svg(
        "svg",
        { class: "ring-chart", viewBox: "0 0 42 42", role: "img", "aria-label": t("chart.label", { count: active, total }) },
        svg("circle", { ...ring, class: "ring-track" }),
        // An arc starts at the right of the circle; the rotation moves its start to the top.
        percent > 0 &&
          svg("circle", {
            ...ring,
            class: "ring-value",
            "stroke-dasharray": `${percent} ${100 - percent}`,
            transform: "rotate(-90 21 21)",
          }),
        svg("text", { x: 21, y: 24, "aria-hidden": "true" }, `${percent} %`),
      ),
      h(
        "ul",
        { class: "chart-legend" },
        legendItem("active", t("state.ACTIVE"), active, "?twoFactor=ACTIVE"),
        legendItem("inactive", t("state.INACTIVE"), inactive, "?twoFactor=INACTIVE"),
        legendItem("", t("chart.fewCodes"), fewCodes, "?fewCodes=on"),
      ),
    ),
  );
}

/** @param {string} dot @param {string} text @param {number} count @param {string} query */
function legendItem(dot, text, count, query) {
  return h(
    "li",
    {},
    h("span", {}, dot && h("span", { class: `dot ${dot}` }), h("a", { href: `#/users${query}` }, text)),
    h("strong", {}, String(count)),
  );
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
      selectField(query, "twoFactor", t("users.twoFactor"), [
        ["", t("all")],
        ["ACTIVE", t("state.ACTIVE")],
        ["INACTIVE", t("state.INACTIVE")],
      ]),
      selectField(query, "role", t("role"), [
        ["", t("all")],
        ["MEMBER", t("role.MEMBER")],
        ["ADMIN", t("role.ADMIN")],
      ]),
      selectField(query, "fewCodes", t("backupCodes"), [
        ["", t("all")],
        ["on", t("users.fewCodes", { count: FEW_CODES })],
      ]),
      selectField(query, "account", t("users.account"), [
        ["", t("users.enabled")],
        ["disabled", t("users.disabled")],
        ["all", t("all")],
      ]),
      selectField(query, "orderBy", t("users.order"), [
        ["", t("order.NAME")],
        ["NEWEST_FIRST", t("order.NEWEST_FIRST")],
        ["LAST_LOGIN", t("order.LAST_LOGIN")],
      ]),
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
 * @param {[string, string][]} options
 * @returns {import("../forms.js").Field}
 */
function selectField(query, name, label, options) {
  return { name, label, type: "select", value: query.get(name) ?? "", optional: true, options };
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
 * Links to the next and to the previous page. The API pages only forward, so the URL stores the cursors of earlier pages.
 * @param {URLSearchParams} query
 * @param {import("../operations.js").PageInfo} pageInfo
 */
function pagination(query, { hasNextPage, endCursor }) {
  const previousCursors = query.getAll("previous");
  const after = query.get("after");
  if (!hasNextPage && after === null) {
    return null;
  }
  return h(
    "nav",
    { class: "row", "aria-label": t("users.pages") },
    after !== null && pageLink(query, previousCursors.at(-1) ?? "", previousCursors.slice(0, -1), t("users.previous")),
    hasNextPage && pageLink(query, endCursor ?? "", [...previousCursors, after ?? ""], t("users.next")),
  );
}

/** @param {URLSearchParams} query @param {string} after @param {string[]} previousCursors @param {string} text */
function pageLink(query, after, previousCursors, text) {
  const newQuery = new URLSearchParams(query);
  newQuery.delete("previous");
  newQuery.delete("after");
  if (after) {
    newQuery.set("after", after);
    previousCursors.forEach((cursor) => newQuery.append("previous", cursor));
  }
  return h("a", { class: "button", href: `#/users?${newQuery}` }, text);
}
