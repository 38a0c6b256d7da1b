/**
 * Forms: labels, validation messages beside the fields, and only one submission at a time.
 *
 * No field has a `maxlength`: the browser would cut off what the user pastes, without a message. The server says what is too
 * long.
 */

import { createControl } from "./controls.js";
import { h } from "./dom.js";
import { apiErrorText, asApiError, userErrorText } from "./graphql.js";
import { t } from "./i18n.js";
import { otpIn } from "./one-time-password.js";
import { redirectOnError } from "./redirects.js";
import { state } from "./state.js";
import { createWait } from "./waiting.js";

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
 * @property {boolean} [canBeShown] true for a password that the user can show
 * @property {(value: string) => string | null} [completeEntry] returns the entry if it is complete: the form is then submitted
 * @property {Record<string, any>} [attributes] of the input
 *
 * @typedef {object} FormError
 * @property {string} [field] without it, it is an error of the whole form
 * @property {string} text
 * @property {number | null} [seconds] for which the user has to wait
 * @property {boolean} [rejected] true if the server checked the entry and it was wrong
 *
 * @typedef {Record<string, string>} Values of the fields by name; a checkbox is "on" or ""
 */

/** The id of the heading of each page. It names the form that the page is for. */
export const HEADING_ID = "heading";
const SECOND_FACTOR = "secondFactor";

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

/** Returns the field for an OTP or a backup code. @returns {Field} */
export function secondFactorField() {
  return {
    name: SECOND_FACTOR,
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
  return otpIn(secondFactor) ? { otp: secondFactor } : { backupCode: secondFactor };
}

/** @param {string} label @param {string} hint @returns {Field} */
export function otpField(label, hint) {
  return {
    name: "otp",
    label,
    hint,
    completeEntry: otpIn,
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
    ...(field === "password" && { WrongSecondFactor: SECOND_FACTOR, SecondFactorNeeded: SECOND_FACTOR }),
    ...fieldsByType,
  };
  const target = result.__typename in targets ? targets[result.__typename] : field;
  const rejected = ["WrongSecondFactor", "WrongOtp"].includes(result.__typename);
  return { field: target, text: userErrorText(result), seconds: result.retryAfterSeconds, rejected };
}

/**
 * Creates a form. Required fields are checked first. Then `onSubmit` is called. While it runs, and after it succeeded, the form
 * ignores further submissions. While the user has to wait, the button is disabled.
 * @param {object} options
 * @param {Field[]} options.fields
 * @param {string} options.submit the text of the button
 * @param {"primary" | "danger"} [options.variant] of the button
 * @param {(values: Values) => Promise<FormError | void>} options.onSubmit returns an error to show, if there is one
 * @param {Node[]} [options.beforeButton] content between the fields and the button
 * @param {Node[]} [options.besideButton]
 * @param {string} [options.initialError] an error that occurred before the form was shown
 * @param {boolean} [options.focus] true if the page is for this form: its first field gets the focus
 * @param {string} [options.waitsFor] the field that says whose attempts are limited; another value has no wait
 */
export function form({
  fields,
  submit,
  variant = "primary",
  onSubmit,
  beforeButton = [],
  besideButton = [],
  initialError = "",
  focus = false,
  waitsFor,
}) {
  const controls = fields.map(createControl);
  const formErrorText = h("p", { class: "field-error", role: "alert" });
  const button = h("button", { class: variant, type: "submit" }, submit);
  const wait = createWait(button);
  const lastRow = h("div", { class: "row" }, button, wait.countdown, besideButton);
  const element = h(
    "form",
    { novalidate: true, "aria-labelledby": focus ? HEADING_ID : null, onsubmit: handleSubmit },
    state.viewer && fields.some(({ type }) => type === "password") && usernameInput(state.viewer.email),
    controls.map((control) => control.element),
    beforeButton,
    formErrorText,
    wait.over,
    lastRow,
  );
  if (focus) {
    controls[0].input.dataset.focus = "";
  }
  for (const control of controls) {
    control.onComplete(() => !isClosed() && element.requestSubmit());
    if (control.field.name === waitsFor) {
      control.input.addEventListener("input", wait.stop);
    }
  }
  // Screen readers announce an alert only if its text changes while the form is on the page.
  if (initialError) {
    requestAnimationFrame(() => formErrorText.replaceChildren(initialError));
  }
  return element;

  function isClosed() {
    return button.disabled || button.hasAttribute("aria-disabled");
  }

  /** @param {SubmitEvent} event */
  async function handleSubmit(event) {
    event.preventDefault();
    if (isClosed()) {
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
    controls.forEach((control) => control.markAsSent());
    const error = await submitted();
    // After a success, the form stays closed until another page or form replaces it.
    if (error) {
      button.removeAttribute("aria-disabled");
      showError(error);
    }
  }

  /** Submits the values. Returns the error to show, or nothing after a success or a redirect. */
  async function submitted() {
    try {
      return await onSubmit(Object.fromEntries(controls.map((control) => [control.field.name, control.value()])));
    } catch (error) {
      const apiError = asApiError(error);
      if (redirectOnError(apiError)) {
        return undefined;
      }
      return { text: apiErrorText(apiError), seconds: apiError.retryAfter };
    }
  }

  /** Shows an error at its field and moves the focus there. @param {FormError} error */
  function showError(error) {
    const control = controls.find(({ field }) => field.name === error.field) ?? controlFor(error);
    if (control) {
      control.setError(error.text, error.rejected);
      control.input.focus();
      if (!(control.input instanceof HTMLSelectElement)) {
        control.input.select();
      }
    } else {
      formErrorText.replaceChildren(error.text);
    }
    if (error.seconds) {
      // A button that is disabled loses the focus.
      if (document.activeElement === button) {
        controls.at(-1)?.input.focus();
      }
      wait.start(error.seconds);
    }
  }

  /**
   * Adds the field for the second factor, if an admin has required it since the form was shown.
   * @param {FormError} error
   */
  function controlFor({ field }) {
    if (field !== SECOND_FACTOR) {
      return undefined;
    }
    const control = createControl(secondFactorField());
    controls.push(control);
    lastRow.before(control.element);
    return control;
  }
}

/** Creates a hidden input with the user name of the password, for password managers. @param {string} email */
function usernameInput(email) {
  return h("input", { type: "text", autocomplete: "username", value: email, hidden: true, readonly: true });
}
