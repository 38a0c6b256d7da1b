/** The admin's list of users, with 2FA at a glance. */

import { h, svg } from "../dom.js";
import { form } from "../forms.js";
import { send } from "../graphql.js";
import { dateTime, t } from "../i18n.js";
import { COUNT_USERS, GET_USERS } from "../operations.js";
import { go } from "../router.js";
import { stateBadge } from "./two-factor.js";

const FEW_CODES = 2;
// Of the ring in the picture, whose radius makes its circumference 100.
const RADIUS = 15.9155;

/** @param {import("../router.js").Place} place @returns {Promise<import("../router.js").Page>} */
export async function usersPage({ query }) {
  const [{ users }, counts] = await Promise.all([
    send(GET_USERS, {
      filter: {
        search: query.get("search") ?? undefined,
        role: query.get("role") ?? undefined,
        twoFactor: query.get("twoFactor") ?? undefined,
        backupCodesRemainingAtMost: query.get("fewCodes") ? FEW_CODES : undefined,
      },
      orderBy: query.get("orderBy") ?? "NAME",
      after: query.get("after"),
    }),
    send(COUNT_USERS, {}),
  ]);
  return {
    title: t("users.title"),
    content: [
      picture(counts.active.totalCount, counts.inactive.totalCount, counts.fewCodes.totalCount),
      h(
        "section",
        { class: "card", "aria-labelledby": "list" },
        h("h2", { id: "list" }, t("users.count", { count: users.totalCount })),
        filters(query),
        users.nodes.length > 0 && table(users.nodes),
        pages(query, users.pageInfo),
      ),
    ],
  };
}

/**
 * How many have it, as a ring and in words.
 * @param {number} active
 * @param {number} inactive
 * @param {number} fewCodes
 */
function picture(active, inactive, fewCodes) {
  const all = active + inactive;
  const percent = all ? Math.round((100 * active) / all) : 0;
  const ring = { cx: 21, cy: 21, r: RADIUS, "stroke-width": 5 };
  return h(
    "section",
    { class: "card", "aria-labelledby": "picture" },
    h("h2", { id: "picture" }, t("picture.title")),
    h(
      "div",
      { class: "picture" },
      svg(
        "svg",
        { class: "ring", viewBox: "0 0 42 42", role: "img", "aria-label": t("picture.label", { count: active, all }) },
        svg("circle", { ...ring, class: "rest" }),
        // It begins at the top.
        percent > 0 &&
          svg("circle", {
            ...ring,
            class: "part",
            "stroke-dasharray": `${percent} ${100 - percent}`,
            transform: "rotate(-90 21 21)",
          }),
        svg("text", { x: 21, y: 24, "aria-hidden": "true" }, `${percent} %`),
      ),
      h(
        "ul",
        { class: "legend-list" },
        legend("on", t("state.ACTIVE"), active, "?twoFactor=ACTIVE"),
        legend("off", t("state.INACTIVE"), inactive, "?twoFactor=INACTIVE"),
        legend("", t("picture.fewCodes"), fewCodes, "?fewCodes=on"),
      ),
    ),
  );
}

/** @param {string} dot @param {string} words @param {number} count @param {string} query */
function legend(dot, words, count, query) {
  return h(
    "li",
    {},
    h("span", {}, dot && h("span", { class: `dot ${dot}` }), h("a", { href: `#/users${query}` }, words)),
    h("strong", {}, String(count)),
  );
}

/** @param {URLSearchParams} query */
function filters(query) {
  const element = form({
    fields: [
      {
        name: "search",
        label: t("users.search"),
        type: "search",
        value: query.get("search") ?? "",
        optional: true,
        attributes: { maxlength: 200 },
      },
      select(query, "twoFactor", t("users.twoFactor"), [
        ["", t("all")],
        ["ACTIVE", t("state.ACTIVE")],
        ["INACTIVE", t("state.INACTIVE")],
      ]),
      select(query, "role", t("role"), [
        ["", t("all")],
        ["MEMBER", t("role.MEMBER")],
        ["ADMIN", t("role.ADMIN")],
      ]),
      select(query, "fewCodes", t("backupCodes"), [
        ["", t("all")],
        ["on", t("users.fewCodes", { count: FEW_CODES })],
      ]),
      select(query, "orderBy", t("users.order"), [
        ["", t("order.NAME")],
        ["NEWEST_FIRST", t("order.NEWEST_FIRST")],
        ["LAST_LOGIN", t("order.LAST_LOGIN")],
      ]),
    ],
    submit: t("show"),
    act: async (values) => {
      go(`/users?${new URLSearchParams(Object.entries(values).filter(([, value]) => value))}`);
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
function select(query, name, label, options) {
  return { name, label, type: "select", value: query.get(name) ?? "", optional: true, options };
}

/** @param {import("../operations.js").User[]} users */
function table(users) {
  const columns = [t("name"), t("users.twoFactor"), t("backupCodes"), t("role"), t("users.lastLogin")];
  const label = (/** @type {number} */ index) => ({ "data-label": columns[index] });
  return h(
    "table",
    { class: "table" },
    h("thead", {}, h("tr", {}, columns.map((words) => h("th", { scope: "col" }, words)))),
    h(
      "tbody",
      {},
      users.map(({ id, name, email, twoFactor, role, lastLoginAt }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, h("a", { href: `#/users/${encodeURIComponent(id)}` }, name), h("span", {}, email)),
          h("td", label(1), stateBadge(twoFactor)),
          h("td", label(2), twoFactor.backupCodesRemaining === null ? "–" : String(twoFactor.backupCodesRemaining)),
          h("td", label(3), t(`role.${role}`)),
          h("td", label(4), dateTime(lastLoginAt) || t("never")),
        ),
      ),
    ),
  );
}

/**
 * To the next page and back. The API goes forward only, so the address keeps where earlier pages began.
 * @param {URLSearchParams} query
 * @param {import("../operations.js").PageInfo} pageInfo
 */
function pages(query, { hasNextPage, endCursor }) {
  const begun = query.getAll("begun");
  const after = query.get("after");
  if (!hasNextPage && after === null) {
    return null;
  }
  return h(
    "nav",
    { class: "row", "aria-label": t("users.pages") },
    after !== null && pageLink(query, begun.at(-1) ?? "", begun.slice(0, -1), t("users.previous")),
    hasNextPage && pageLink(query, endCursor ?? "", [...begun, after ?? ""], t("users.next")),
  );
}

/** @param {URLSearchParams} query @param {string} after @param {string[]} begun @param {string} words */
function pageLink(query, after, begun, words) {
  const next = new URLSearchParams(query);
  next.delete("begun");
  next.delete("after");
  if (after) {
    next.set("after", after);
    begun.forEach((cursor) => next.append("begun", cursor));
  }
  return h("a", { class: "button", href: `#/users?${next}` }, words);
}
