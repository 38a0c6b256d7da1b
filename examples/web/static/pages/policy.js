/** The security policy of the company, with a preview of the effects of a change. For admins. */

import { h, note } from "../dom.js";
import { adminChangeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { COUNT_USERS, UPDATE_POLICY } from "../operations.js";
import { handleError } from "../redirects.js";
import { refresh } from "../router.js";
import { loadViewer, requireViewer } from "../state.js";
import { enforceFromOf, futureDateOf, isTooLate } from "./enforcement-date.js";
import { impactNotes, loadImpact, usersOfImpact } from "./policy-impact.js";

/** @typedef {import("../operations.js").Company} Company */

/** The rules that are on or off, with the names of their texts. */
const SWITCHES = /** @type {const} */ (["backupCodes", "newDeviceEmails", "secondFactorForChanges", "resetsNeedVoucher"]);
/** From the fewest users to all. */
const AUDIENCES = ["NOBODY", "ADMINS", "EVERYBODY"];

/** @returns {Promise<import("../router.js").Page>} */
export async function policyPage() {
  const [counts, viewer] = await Promise.all([send(COUNT_USERS, {}), loadViewer()]);
  const { company } = requireViewer(viewer);
  const present = {
    backupCodes: company.backupCodesEnabled,
    newDeviceEmails: company.newDeviceEmails,
    secondFactorForChanges: company.secondFactorForChanges,
    resetsNeedVoucher: company.resetsNeedVoucher,
  };
  const preview = h("div", { role: "status" });
  const whom = h("div", {});
  let previews = 0;
  const element = form({
    fields: [
      {
        name: "enforcedFor",
        label: t("policy.enforcedFor"),
        hint: t("policy.enforcedForHint"),
        type: "select",
        value: company.enforcedFor,
        options: AUDIENCES.map(option),
        optional: true,
      },
      {
        name: "enforceFrom",
        label: t("policy.enforceFrom"),
        hint: t("policy.enforceFromHint"),
        type: "date",
        value: futureDateOf(company.enforceFrom),
        optional: true,
        // Otherwise the field accepts years of six digits.
        attributes: { max: "9999-12-31" },
      },
      ...SWITCHES.map((name) => ({
        name,
        label: t(`policy.${name}`),
        hint: t(`policy.${name}Hint`),
        type: "checkbox",
        checked: present[name],
        optional: true,
      })),
      ...adminChangeFields(),
    ],
    beforeButton: [preview, whom],
    submit: t("save"),
    onSubmit: (values) => updatePolicy(values, company),
  });
  element.addEventListener("change", showEffects);
  showEffects();
  return {
    title: t("policy.title"),
    narrow: true,
    content: [h("p", {}, t("policy.lead", { company: company.name })), h("div", { class: "card" }, element)],
  };

  /** Shows the effects that saving the current values would have. */
  async function showEffects() {
    const values = currentValues(element);
    dateField(element).hidden = values.enforcedFor === "NOBODY";
    const change = {
      ...enforcementOf(values, company),
      secondFactorForChanges: values.secondFactorForChanges === "on",
    };
    const isAsked =
      change.enforcedFor !== company.enforcedFor ||
      change.enforceFrom !== null ||
      (change.secondFactorForChanges && !company.secondFactorForChanges);
    previews += 1;
    const number = previews;
    if (isAsked && isDateTooLate(values)) {
      show([note(t("policy.dateTooLate"), "error")], null);
      return;
    }
    try {
      const impact = isAsked ? await loadImpact(change) : null;
      // The admin may have changed a value meanwhile.
      if (number === previews) {
        const notes = otherEffects(values).map((effect) => note(effect, "warning"));
        const date = change.enforceFrom ?? company.enforceFrom;
        show([...(impact ? impactNotes(impact, date) : []), ...notes], impact && usersOfImpact(impact, change));
      }
    } catch (error) {
      handleError(error);
    }
  }

  /** @param {Record<string, string>} values @returns {string[]} */
  function otherEffects({ enforcedFor, backupCodes }) {
    const active = { count: counts.active.totalCount };
    const endsFor = AUDIENCES.indexOf(enforcedFor) < AUDIENCES.indexOf(company.enforcedFor);
    return [
      endsFor ? t("effect.stopEnforcing") : "",
      !backupCodes && company.backupCodesEnabled ? t("effect.disableBackupCodes", active) : "",
      backupCodes && !company.backupCodesEnabled ? t("effect.enableBackupCodes") : "",
    ].filter(Boolean);
  }

  /** @param {Node[]} notes @param {Node | null} users */
  function show(notes, users) {
    const none = h("p", { class: "muted" }, t("effect.none"));
    preview.replaceChildren(h("h2", {}, t("policy.effects")), ...(notes.length ? notes : [none]));
    whom.replaceChildren(...(users ? [users] : []));
  }
}

/** Returns the option of a select. @param {string} audience @returns {[string, string]} */
function option(audience) {
  return [audience, t(`policy.${audience}`)];
}

/** @param {HTMLFormElement} element @returns {Record<string, string>} the values of its fields; a checkbox is "on" or "" */
function currentValues(element) {
  const values = Object.fromEntries(new FormData(element));
  return Object.fromEntries(
    ["enforcedFor", "enforceFrom", ...SWITCHES].map((name) => [name, String(values[name] ?? "")]),
  );
}

/** @param {HTMLFormElement} element @returns {HTMLElement} the field of the date, with its label */
function dateField(element) {
  const input = /** @type {HTMLInputElement} */ (element.elements.namedItem("enforceFrom"));
  return /** @type {HTMLElement} */ (input.closest(".field"));
}

/** @param {Record<string, string>} values */
function isDateTooLate({ enforcedFor, enforceFrom }) {
  return enforcedFor !== "NOBODY" && isTooLate(enforceFrom);
}

/** Returns the arguments about enforcement. @param {Record<string, string>} values @param {Company} company */
function enforcementOf({ enforcedFor, enforceFrom }, company) {
  return {
    enforcedFor,
    enforceFrom: enforcedFor === "NOBODY" ? null : enforceFromOf(enforceFrom, company.enforceFrom),
  };
}

/** @param {import("../forms.js").Values} values @param {Company} company */
async function updatePolicy(values, company) {
  if (isDateTooLate(values)) {
    return { field: "enforceFrom", text: t("policy.dateTooLate") };
  }
  const { updateSecurityPolicy: result } = await send(UPDATE_POLICY, {
    ...enforcementOf(values, company),
    password: values.password,
    secondFactor: secondFactorOf(values),
    backupCodesEnabled: values.backupCodes === "on",
    newDeviceEmails: values.newDeviceEmails === "on",
    secondFactorForChanges: values.secondFactorForChanges === "on",
    resetsNeedVoucher: values.resetsNeedVoucher === "on",
  });
  if (result.__typename === "SecurityPolicyUpdated") {
    await loadViewer();
    notify(t("policy.done"));
    refresh();
    return;
  }
  return formError(result, "password");
}
