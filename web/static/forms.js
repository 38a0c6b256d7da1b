/** Forms: labels, refusals beside the field that they are about, and one submission at a time. */

import { handled } from "./detours.js";
import { h } from "./dom.js";
import { ApiError, errorText, refusalText } from "./graphql.js";
import { t } from "./i18n.js";
import { state } from "./state.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [type] of the input; `checkbox`, `select` and `textarea` too
 * @property {string} [hint]
 * @property {string} [value]
 * @property {boolean} [checked]
 * @property {boolean} [optional]
 * @property {string} [missing] what is said where it is left empty
 * @property {[string, string][]} [options] of a select: value and words
 * @property {Record<string, any>} [attributes] of the input
 *
 * @typedef {{ field?: string, text: string }} Refusal
 * @typedef {Record<string, string>} Values of the fields by name; a checkbox is "on" or ""
 */

let count = 0;

/** The password of the person at the screen, which every change asks for. @returns {Field} */
export function passwordField() {
  return {
    name: "password",
    label: t("password"),
    type: "password",
    attributes: { autocomplete: "current-password", maxlength: 256 },
  };
}

/** @param {string} label @param {string} hint @returns {Field} */
export function otpField(label, hint) {
  return {
    name: "otp",
    label,
    hint,
    attributes: {
      class: "code",
      autocomplete: "one-time-code",
      inputmode: "numeric",
      // Room for the space that some apps put in the middle.
      maxlength: 8,
      autocapitalize: "none",
      spellcheck: "false",
    },
  };
}

/**
 * What to say of a refusal, and where. A `__typename` that the page does not know stands with the field that was last.
 * @param {import("./graphql.js").Outcome} outcome
 * @param {string} field which most refusals are about
 * @param {Record<string, string | undefined>} [others] fields by `__typename`; undefined for the form as a whole
 * @returns {Refusal}
 */
export function refusal(outcome, field, others = {}) {
  const place = outcome.__typename in others ? others[outcome.__typename] : field;
  return { field: place, text: refusalText(outcome) };
}

/**
 * A form. `act` does what it is for, and gives a refusal where that was refused.
 * @param {object} options
 * @param {Field[]} options.fields
 * @param {string} options.submit
 * @param {"main" | "danger"} [options.tone]
 * @param {(values: Values) => Promise<Refusal | void>} options.act
 * @param {Node[]} [options.between] what stands between the fields and the button
 * @param {Node[]} [options.beside] what stands beside the button
 * @param {string} [options.begun] what went wrong before the form was shown
 */
export function form({ fields, submit, tone = "main", act, between = [], beside = [], begun = "" }) {
  const parts = fields.map(fieldParts);
  const overall = h("p", { class: "refusal", role: "alert" });
  const button = h("button", { class: tone, type: "submit" }, submit);
  const element = h(
    "form",
    { novalidate: true, onsubmit: submitted },
    state.viewer && fields.some(({ type }) => type === "password") && owner(state.viewer.email),
    parts.map((part) => part.element),
    between,
    overall,
    h("div", { class: "row" }, button, beside),
  );
  // Said after the form is on the page, so that screen readers hear it.
  if (begun) {
    requestAnimationFrame(() => overall.replaceChildren(begun));
  }
  return element;

  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    if (button.getAttribute("aria-disabled")) {
      return;
    }
    parts.forEach((part) => part.refuse(""));
    overall.replaceChildren();
    const missing = parts.find((part) => part.isMissing());
    if (missing) {
      missing.refuse(missing.field.missing ?? t("missing"));
      missing.input.focus();
      return;
    }
    button.setAttribute("aria-disabled", "true");
    try {
      show(await act(Object.fromEntries(parts.map((part) => [part.field.name, part.value()]))));
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      if (!handled(error)) {
        show({ text: errorText(error) });
      }
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  /** @param {Refusal | void} refused */
  function show(refused) {
    if (!refused) {
      return;
    }
    const part = parts.find(({ field }) => field.name === refused.field);
    if (part) {
      part.refuse(refused.text);
      part.input.focus();
      part.input.select?.();
    } else {
      overall.replaceChildren(refused.text);
    }
  }
}

/** The name that a password belongs to, for password managers. @param {string} email */
function owner(email) {
  return h("input", { type: "text", autocomplete: "username", value: email, hidden: true, readonly: true });
}

/** @param {Field} field */
function fieldParts(field) {
  count += 1;
  const id = `${field.name}-${count}`;
  const hint = field.hint && h("p", { class: "hint", id: `${id}-hint` }, field.hint);
  const error = h("p", { class: "refusal", id: `${id}-refusal`, role: "alert" });
  const input = inputOf(field, id);
  input.setAttribute("aria-describedby", hint ? `${hint.id} ${error.id}` : error.id);
  const label = h("label", { for: id }, field.label);
  const isBox = field.type === "checkbox";
  return {
    field,
    input,
    element: h(
      "div",
      { class: "field" },
      isBox ? h("div", { class: "check" }, input, label) : [label, input],
      hint,
      error,
    ),
    value: () => (isBox ? (input.checked ? "on" : "") : input.value),
    isMissing: () => !field.optional && !(isBox ? input.checked : input.value),
    /** @param {string} text */
    refuse(text) {
      error.replaceChildren(text);
      if (text) {
        input.setAttribute("aria-invalid", "true");
      } else {
        input.removeAttribute("aria-invalid");
      }
    },
  };
}

/** @param {Field} field @param {string} id */
function inputOf(field, id) {
  const shared = { id, name: field.name, "aria-required": field.optional ? null : "true", ...field.attributes };
  if (field.type === "select") {
    const options = (field.options ?? []).map(([value, words]) =>
      h("option", { value, selected: value === field.value }, words),
    );
    return h("select", { ...shared, "aria-required": null }, options);
  }
  if (field.type === "textarea") {
    return h("textarea", { rows: 3, ...shared }, field.value ?? "");
  }
  return h("input", { type: field.type ?? "text", value: field.value, checked: field.checked === true, ...shared });
}
