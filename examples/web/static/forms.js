/**
 * Forms: labels, validation messages beside the fields, and only one submission at a time.
 *
 * No field has a `maxlength`: the browser would cut off what the user pastes, without a message. The server says what is too
 * long.
 */

import { h } from "./dom.js";
import { ApiError, apiErrorText, userErrorText } from "./graphql.js";
import { t } from "./i18n.js";
import { redirectOnError } from "./redirects.js";
import { state } from "./state.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [type] of the input; also `checkbox`, `select` and `textarea`
 * @property {string} [hint]
 * @property {string} [value]
 * @property {boolean} [checked]
 * @property {boolean} [optional]
 * @property {string} [requiredText] the error if the field is empty
 * @property {[string, string][]} [options] of a select: value and text
 * @property {Record<string, any>} [attributes] of the input
 *
 * @typedef {{ field?: string, text: string }} FormError without `field`, it is an error of the whole form
 * @typedef {Record<string, string>} Values of the fields by name; a checkbox is "on" or ""
 */

// Makes the ids of fields unique, since a page can have several forms.
let fieldCount = 0;

/** Returns the field for the user's own password, which every change requires. @returns {Field} */
export function passwordField() {
  return {
    name: "password",
    label: t("password"),
    type: "password",
    attributes: { autocomplete: "current-password" },
  };
}

/**
 * Returns the fields for a change to 2FA or to the policy: the password and, if the company account requires it, a second
 * factor.
 * @returns {Field[]}
 */
export function changeFields() {
  const needsSecondFactor = state.viewer?.company.secondFactorForChanges;
  return [passwordField(), ...(needsSecondFactor ? [secondFactorField()] : [])];
}

/**
 * Returns the same fields for a change to another user.
 * @param {string} label says whose password is meant, and differs from that of other forms of the page
 */
export function adminChangeFields(label = t("ownPassword")) {
  const [password, ...others] = changeFields();
  return [{ ...password, label }, ...others];
}

/** @returns {Field} */
function secondFactorField() {
  return {
    name: "secondFactor",
    label: t(state.viewer?.company.backupCodesEnabled ? "secondFactorOfChange" : "otp"),
    attributes: { class: "code", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false" },
  };
}

/**
 * Returns what the user entered into the field for the second factor. Six digits are an OTP.
 * @param {Values} values
 * @returns {import("./operations.js").SecondFactor}
 */
export function secondFactorOf({ secondFactor }) {
  if (!secondFactor) {
    return null;
  }
  // The server accepts spaces, dashes and invisible characters in both.
  const code = secondFactor.normalize("NFKC").replace(/[^\p{L}\p{N}]/gu, "");
  return /^\d{6}$/.test(code) ? { otp: secondFactor } : { backupCode: secondFactor };
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
      autocapitalize: "none",
      spellcheck: "false",
    },
  };
}

/**
 * Converts a user error to an error of the form. Error types that the page does not name are shown at `field`.
 * @param {import("./graphql.js").MutationResult} result
 * @param {string} field the field that most errors are about
 * @param {Record<string, string | undefined>} [fieldsByType] other fields by `__typename`; undefined for the whole form
 * @returns {FormError}
 */
export function formError(result, field, fieldsByType = {}) {
  /** @type {Record<string, string | undefined>} */
  const targets = {
    ...(field === "password" && { WrongSecondFactor: "secondFactor", SecondFactorNeeded: "secondFactor" }),
    ...fieldsByType,
  };
  const target = result.__typename in targets ? targets[result.__typename] : field;
  return { field: target, text: userErrorText(result) };
}

/**
 * Creates a form. Required fields are checked first. Then `onSubmit` is called; while it runs, the form ignores further
 * submissions.
 * @param {object} options
 * @param {Field[]} options.fields
 * @param {string} options.submit the text of the button
 * @param {"primary" | "danger"} [options.variant] of the button
 * @param {(values: Values) => Promise<FormError | void>} options.onSubmit returns an error to show, if there is one
 * @param {Node[]} [options.beforeButton] content between the fields and the button
 * @param {Node[]} [options.besideButton]
 * @param {string} [options.initialError] an error that occurred before the form was shown
 */
export function form({
  fields,
  submit,
  variant = "primary",
  onSubmit,
  beforeButton = [],
  besideButton = [],
  initialError = "",
}) {
  const controls = fields.map(createControl);
  const formErrorText = h("p", { class: "field-error", role: "alert" });
  const button = h("button", { class: variant, type: "submit" }, submit);
  const element = h(
    "form",
    { novalidate: true, onsubmit: handleSubmit },
    state.viewer && fields.some(({ type }) => type === "password") && usernameInput(state.viewer.email),
    controls.map((control) => control.element),
    beforeButton,
    formErrorText,
    h("div", { class: "row" }, button, besideButton),
  );
  // Screen readers announce an alert only if its text changes while the form is on the page.
  if (initialError) {
    requestAnimationFrame(() => formErrorText.replaceChildren(initialError));
  }
  return element;

  /** @param {SubmitEvent} event */
  async function handleSubmit(event) {
    event.preventDefault();
    if (button.getAttribute("aria-disabled")) {
      return;
    }
    controls.forEach((control) => control.setError(""));
    formErrorText.replaceChildren();
    const empty = controls.find((control) => control.isMissing());
    if (empty) {
      empty.setError(empty.field.requiredText ?? t("fieldRequired"));
      empty.input.focus();
      return;
    }
    button.setAttribute("aria-disabled", "true");
    try {
      showError(await onSubmit(Object.fromEntries(controls.map((control) => [control.field.name, control.value()]))));
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      if (!redirectOnError(error)) {
        showError({ text: apiErrorText(error) });
      }
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  /** Shows an error at its field and moves the focus there. @param {FormError | void} error */
  function showError(error) {
    if (!error) {
      return;
    }
    const control = controls.find(({ field }) => field.name === error.field);
    if (control) {
      control.setError(error.text);
      control.input.focus();
      if (!(control.input instanceof HTMLSelectElement)) {
        control.input.select();
      }
    } else {
      formErrorText.replaceChildren(error.text);
    }
  }
}

/** Creates a hidden input with the user name of the password, for password managers. @param {string} email */
function usernameInput(email) {
  return h("input", { type: "text", autocomplete: "username", value: email, hidden: true, readonly: true });
}

/** Creates the elements of a field, and functions to read its value and to show an error. @param {Field} field */
function createControl(field) {
  fieldCount += 1;
  const id = `${field.name}-${fieldCount}`;
  const hint = field.hint && h("p", { class: "hint", id: `${id}-hint` }, field.hint);
  const error = h("p", { class: "field-error", id: `${id}-error`, role: "alert" });
  const input = createInput(field, id);
  input.setAttribute("aria-describedby", hint ? `${hint.id} ${error.id}` : error.id);
  const label = h("label", { for: id }, field.label);
  const checkbox = input instanceof HTMLInputElement && input.type === "checkbox" ? input : null;
  return {
    field,
    input,
    element: h(
      "div",
      { class: "field" },
      checkbox ? h("div", { class: "checkbox" }, input, label) : [label, input],
      hint,
      error,
    ),
    value: () => (checkbox ? (checkbox.checked ? "on" : "") : input.value),
    isMissing: () => !field.optional && !(checkbox ? checkbox.checked : input.value),
    /** Shows an error, or removes it if the text is empty. @param {string} text */
    setError(text) {
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
function createInput(field, id) {
  const shared = { id, name: field.name, "aria-required": field.optional ? null : "true", ...field.attributes };
  if (field.type === "select") {
    const options = (field.options ?? []).map(([value, text]) =>
      h("option", { value, selected: value === field.value }, text),
    );
    return h("select", { ...shared, "aria-required": null }, options);
  }
  if (field.type === "textarea") {
    return h("textarea", { rows: 3, ...shared }, field.value ?? "");
  }
  return h("input", { type: field.type ?? "text", value: field.value, checked: field.checked === true, ...shared });
}
