/** GraphQL client: sends operations and converts failed responses to `ApiError`. */

import { currentLanguage, formatTime, t } from "./i18n.js";
import { withProgress } from "./progress.js";

const ENDPOINT = "/graphql";
const TIMEOUT_MS = 20_000;
const TOKEN_KEY = "sessionToken";

/**
 * An operation of `operations.js`. `variables` and `data` exist as types only.
 * @template Variables, Data
 * @typedef {{ name: string, document: string, variables?: Variables, data?: Data }} Operation
 */

/**
 * A member of the result union of a mutation: a success or a user error. `__typename` says which one.
 * @typedef {{
 *   __typename: string, message?: string, retryAfterSeconds?: number | null, [field: string]: any
 * }} MutationResult
 */

/** Thrown for a top-level GraphQL error, such as `UNAUTHENTICATED`, for an ended session, and for an unreachable server. */
export class ApiError extends Error {
  /**
   * @param {string} code `extensions.code` of the GraphQL error, or `UNREACHABLE`
   * @param {{ message?: string, retryAfter?: number, correlationId?: string }} [details] `retryAfter` in seconds
   */
  constructor(code, details = {}) {
    super(details.message ?? code);
    this.code = code;
    this.retryAfter = details.retryAfter;
    this.correlationId = details.correlationId;
  }
}

/**
 * Sends an operation and returns its data.
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
    body = await withProgress(fetchJson(ENDPOINT, {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json, application/json;q=0.9",
        "Accept-Language": currentLanguage(),
        "Content-Type": "application/json",
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      // Secrets are sent as variables, never as literals, because servers may log the document.
      body: JSON.stringify({ query: operation.document, operationName: operation.name, variables }),
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }));
  } catch {
    throw new ApiError("UNREACHABLE");
  }
  if (body.extensions?.session === "ENDED") {
    throw new ApiError("UNAUTHENTICATED");
  }
  // Partial data is not used: a page shows either everything that it requested or the error.
  const [error] = body.errors ?? [];
  if (error) {
    const { code, retryAfter, correlationId } = error.extensions ?? {};
    throw new ApiError(code ?? "INTERNAL_SERVER_ERROR", { message: error.message, retryAfter, correlationId });
  }
  return body.data;
}

/**
 * Requests a JSON object.
 * @param {string} url
 * @param {RequestInit} options
 * @throws {Error} there is no answer, or it is not a JSON object
 */
async function fetchJson(url, options) {
  const body = await (await fetch(url, options)).json();
  if (typeof body !== "object" || body === null) {
    throw new TypeError("no JSON object");
  }
  return body;
}

/**
 * Returns the text of a user error. Works also for error types that are added to the schema later.
 * @param {MutationResult} result
 */
export function userErrorText(result) {
  const message = result.message ?? t("error.rejected");
  if (!result.retryAfterSeconds) {
    return message;
  }
  // Not the server's instant: the clock that the user sees may be wrong.
  const time = formatTime(new Date(Date.now() + result.retryAfterSeconds * 1000).toISOString());
  return `${message} ${t("retryAt", { time })}`;
}

/**
 * Returns an error that pages can show. Reports a mistake of the frontend on the console, since users see only its name.
 * @param {unknown} error
 */
export function asApiError(error) {
  if (error instanceof ApiError) {
    return error;
  }
  console.error(error);
  return new ApiError(error instanceof Error ? error.name : "UNKNOWN");
}

/** Returns the text of a top-level error. @param {ApiError} error */
export function apiErrorText(error) {
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
 * Returns how this browser can store a session. An HttpOnly cookie is best, because scripts cannot read it. But a
 * `__Host-` cookie must be Secure, and some browsers reject it over plain HTTP, even on localhost: Chromium accepts it,
 * Safari rejects it. If the cookie is rejected, the token is stored in `sessionStorage`: it survives a reload and is
 * deleted when the tab is closed.
 * @returns {"COOKIE" | "TOKEN"}
 */
export function detectSessionTransport() {
  const probe = "__Host-probe=1";
  const attributes = "Path=/; Secure; SameSite=Strict";
  document.cookie = `${probe}; ${attributes}`;
  const isStored = document.cookie.split("; ").includes(probe);
  document.cookie = `${probe}; ${attributes}; Max-Age=0`;
  return isStored ? "COOKIE" : "TOKEN";
}

/**
 * Stores the token of a `LoggedIn` result. null deletes it: a session in a cookie has no token.
 * @param {string | null} token
 */
export function storeSessionToken(token) {
  if (token) {
    sessionStorage.setItem(TOKEN_KEY, token);
  } else {
    sessionStorage.removeItem(TOKEN_KEY);
  }
}
