/**
 * The challenge between the password and the second factor of a login. It is kept in the session storage of the tab, because
 * a phone can drop the tab while the user is in the authenticator app. It grants no access without the second factor, works
 * once, and is deleted when it expires.
 */

import { currentLocation, refresh } from "./router.js";

/**
 * @typedef {object} Challenge
 * @property {string} challengeToken
 * @property {import("./operations.js").SecondFactorMethod[]} methods
 * @property {string | null} returnTo the path to open after the login
 * @property {number} keptUntil in milliseconds since 1970, by the clock of this device
 */

const STORAGE_KEY = "challenge";
// The lifetime of a challenge on the server. Its `expiresAt` is no use on a device with a wrong clock.
const LIFETIME_MS = 5 * 60_000;

/** The pages of the second step of the login. */
export const OTP_PATH = "/login/otp";
export const BACKUP_CODE_PATH = "/login/backup-code";

let timer = 0;
deleteAtEnd();

/** @param {Omit<Challenge, "keptUntil">} challenge */
export function keepChallenge({ challengeToken, methods, returnTo }) {
  const kept = { challengeToken, methods, returnTo, keptUntil: Date.now() + LIFETIME_MS };
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
  deleteAtEnd();
}

/** Returns the challenge, or null if there is none or it has expired. @returns {Challenge | null} */
export function currentChallenge() {
  /** @type {Challenge | null} */
  const challenge = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
  return challenge && challenge.keptUntil > Date.now() ? challenge : null;
}

export function deleteChallenge() {
  window.clearTimeout(timer);
  sessionStorage.removeItem(STORAGE_KEY);
}

function deleteAtEnd() {
  window.clearTimeout(timer);
  const challenge = currentChallenge();
  if (challenge) {
    timer = window.setTimeout(expire, challenge.keptUntil - Date.now());
  } else {
    deleteChallenge();
  }
}

function expire() {
  deleteChallenge();
  if ([OTP_PATH, BACKUP_CODE_PATH].includes(currentLocation().path)) {
    refresh();
  }
}
