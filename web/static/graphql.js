/** Sending operations to the API, and telling its answers apart. */

import { currentLanguage, t, timeOfDay } from "./i18n.js";

const ENDPOINT = "/graphql";
const TIMEOUT_MS = 20_000;
const TOKEN_KEY = "sessionToken";

/**
 * An operation of `operations.js`: its document, and as types what goes in and what comes back.
 * @template Variables, Data
 * @typedef {{ name: string, document: string, variables?: Variables, data?: Data }} Operation
 */

/**
 * A member of a result union: what was done, or a refusal. `__typename` is the code of either.
 * @typedef {{ __typename: string, message?: string, retryAt?: string, [fact: string]: any }} Outcome
 */

/** No correct client meets this, or nobody is signed in, or the service is away. */
export class ApiError extends Error {
  /**
   * @param {string} code of `extensions.code`, or `UNREACHABLE`
   * @param {{ message?: string, retryAfter?: number, correlationId?: string }} [details]
   */
  constructor(code, details = {}) {
    super(details.message ?? code);
    this.code = code;
    this.retryAfter = details.retryAfter;
    this.correlationId = details.correlationId;
  }
}

/**
 * Sends an operation and gives its data.
 * @template Variables, Data
 * @param {Operation<Variables, Data>} operation
 * @param {Variables} [variables]
 * @returns {Promise<Data>}
 * @throws {ApiError}
 */
export async function send(operation, variables) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  let body;
  try {
    const response = await fetch(ENDPOINT, {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json, application/json;q=0.9",
        "Accept-Language": currentLanguage(),
        "Content-Type": "application/json",
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      // Variables, never literals: what is secret stays out of the document, which servers may log.
      body: JSON.stringify({ query: operation.document, operationName: operation.name, variables }),
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.json();
  } catch {
    throw new ApiError("UNREACHABLE");
  }
  // A page here shows all that it asked for or says why not; half an answer is none.
  const [error] = body.errors ?? [];
  if (error) {
    const { code, retryAfter, correlationId } = error.extensions ?? {};
    throw new ApiError(code ?? "INTERNAL_SERVER_ERROR", { message: error.message, retryAfter, correlationId });
  }
  return body.data;
}

/**
 * The words of a refusal, for the person at the screen. Also for refusals that came to the contract after this page.
 * @param {Outcome} outcome
 */
export function refusalText(outcome) {
  const message = outcome.message ?? t("refused");
  return outcome.retryAt ? `${message} ${t("retryAt", { time: timeOfDay(outcome.retryAt) })}` : message;
}

/** @param {ApiError} error */
export function errorText(error) {
  switch (error.code) {
    case "UNREACHABLE":
      return t("error.unreachable");
    case "SERVICE_UNAVAILABLE":
      return t("error.unavailable", { count: error.retryAfter ?? 1 });
    case "FORBIDDEN":
      return t("error.forbidden");
    case "BAD_USER_INPUT":
      return t("error.input");
    default:
      return t("error.internal", { id: error.correlationId ?? error.code });
  }
}

/**
 * How this browser can carry a session. A cookie that no script can read is best. But a `__Host-` cookie must be Secure,
 * and not every browser takes it from plain http, not even on this machine: Chromium does, Safari does not. There the
 * token is kept in `sessionStorage`, where it survives a reload, and ends with the tab.
 * @returns {"COOKIE" | "TOKEN"}
 */
export function chooseTransport() {
  const probe = "__Host-probe=1";
  const attributes = "Path=/; Secure; SameSite=Strict";
  document.cookie = `${probe}; ${attributes}`;
  const isKept = document.cookie.split("; ").includes(probe);
  document.cookie = `${probe}; ${attributes}; Max-Age=0`;
  return isKept ? "COOKIE" : "TOKEN";
}

/** Keeps the token of a `LoggedIn`; where the session is in a cookie there is none. @param {string | null} token */
export function keepToken(token) {
  if (token) {
    sessionStorage.setItem(TOKEN_KEY, token);
  } else {
    sessionStorage.removeItem(TOKEN_KEY);
  }
}
