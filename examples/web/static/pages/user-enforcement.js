/** The section of the page of a user with their own rule for 2FA. For admins. */

import { h } from "../dom.js";
import { adminChangeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { formatDateTime, t } from "../i18n.js";
import { notify } from "../notifications.js";
import { SET_USER_ENFORCEMENT } from "../operations.js";
import { refresh } from "../router.js";

/** @typedef {import("../operations.js").User} User */

const DAY_MS = 24 * 60 * 60 * 1000;
const USUAL_EXEMPTION_DAYS = 30;

/** @param {User} user */
export function enforcementSection(user) {
  return h(
    "section",
    { class: "card", "aria-labelledby": "enforcement" },
    h("h2", { id: "enforcement" }, t("enforcement.title")),
    h("p", {}, whatHolds(user)),
    enforcementForm(user),
  );
}

/** @param {User} user */
function whatHolds({ name, twoFactor }) {
  const { enforced, setupRequiredFrom, exemptUntil } = twoFactor;
  if (enforced) {
    return t("enforcement.now", { name });
  }
  if (setupRequiredFrom) {
    return t("enforcement.later", { name, time: formatDateTime(setupRequiredFrom) });
  }
  return exemptUntil
    ? t("enforcement.exempt", { name, time: formatDateTime(exemptUntil) })
    : t("enforcement.never", { name });
}

/** @param {User} user */
function enforcementForm({ id, name, twoFactor }) {
  const element = form({
    fields: [
      {
        name: "enforcement",
        label: t("enforcement.rule"),
        type: "select",
        value: twoFactor.enforcement ?? "AS_COMPANY",
        options: ["AS_COMPANY", "ENFORCED", "EXEMPT"].map((value) => [value, t(`enforcement.${value}`)]),
      },
      {
        name: "lastDay",
        label: t("enforcement.lastDay"),
        type: "date",
        // An empty field is an error of an exemption only.
        optional: true,
        value: lastDayOf(twoFactor.exemptUntil),
      },
      ...adminChangeFields(t("enforcement.password")),
    ],
    submit: t("enforcement.save"),
    onSubmit: async (values) => {
      const isExempt = values.enforcement === "EXEMPT";
      if (isExempt && !values.lastDay) {
        return { field: "lastDay", text: t("fieldRequired") };
      }
      const { setUserEnforcement: result } = await send(SET_USER_ENFORCEMENT, {
        userId: id,
        password: values.password,
        enforcement: values.enforcement,
        exemptUntil: isExempt ? endOfDay(values.lastDay) : null,
        secondFactor: secondFactorOf(values),
      });
      if (result.__typename === "UserEnforcementChanged") {
        notify(t("enforcement.done", { name }));
        refresh();
        return;
      }
      return formError(result, "password", { UserNotFound: undefined, CannotSetOwnEnforcement: undefined });
    },
  });
  element.addEventListener("change", showLastDay);
  showLastDay();
  return element;

  /** Shows the field for the last day only for an exemption. */
  function showLastDay() {
    const rule = /** @type {HTMLSelectElement} */ (element.elements.namedItem("enforcement"));
    const lastDay = /** @type {HTMLInputElement} */ (element.elements.namedItem("lastDay"));
    const field = /** @type {HTMLElement} */ (lastDay.closest(".field"));
    field.hidden = rule.value !== "EXEMPT";
  }
}

/**
 * Returns the last whole day of an exemption for a date field, in the time zone of the browser. Without an exemption, it
 * is the one to suggest.
 * @param {string | null} exemptUntil
 */
function lastDayOf(exemptUntil) {
  const end = exemptUntil ? Date.parse(exemptUntil) - 1 : Date.now() + USUAL_EXEMPTION_DAYS * DAY_MS;
  const date = new Date(end);
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return parts.map((part) => String(part).padStart(2, "0")).join("-");
}

/** Returns when a day of a date field ends. @param {string} day */
function endOfDay(day) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + 1).toISOString();
}
