/** The date from which a company requires 2FA, in the form of the policy and in requests. */

const DAY_MS = 24 * 60 * 60 * 1000;
/** The server accepts no date that is further away. */
const MAX_NOTICE_DAYS = 366;
/** A time that has passed. For the server it means at once. */
const AT_ONCE = "1970-01-01T00:00:00Z";

/**
 * Returns the value of a date field for an instant in the future, in the time zone of the browser. A date that has passed
 * says nothing any more, so it gives "".
 * @param {string | null} instant
 */
export function futureDateOf(instant) {
  const date = new Date(instant ?? AT_ONCE);
  if (date.getTime() <= Date.now()) {
    return "";
  }
  const parts = [date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0"));
  return [date.getFullYear(), ...parts].join("-");
}

/** Returns whether the server would reject the date as too far in the future. @param {string} value of a date field */
export function isTooLate(value) {
  return Boolean(value) && startOf(value).getTime() > Date.now() + MAX_NOTICE_DAYS * DAY_MS;
}

/**
 * Returns the argument `enforceFrom`: null if the date does not change.
 * @param {string} value of a date field
 * @param {string | null} present the date of the company
 */
export function enforceFromOf(value, present) {
  if (value === futureDateOf(present)) {
    return null;
  }
  return value ? startOf(value).toISOString() : AT_ONCE;
}

/** Returns the start of a day in the time zone of the browser. @param {string} value of a date field */
function startOf(value) {
  return new Date(`${value}T00:00`);
}
