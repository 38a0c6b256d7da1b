// Send operations to Countersign. The comments explain what is specific to Countersign.

import type { TypedDocumentString } from "./generated/graphql";

/** The codes of top-level errors. A later server version may add codes. */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "TWO_FACTOR_SETUP_REQUIRED"
  | "BAD_USER_INPUT"
  | "SERVICE_UNAVAILABLE"
  | "INTERNAL_SERVER_ERROR"
  | (string & {});

/** Thrown when the answer contains a top-level error. A correct client does not cause it, or can only retry later. */
export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Seconds to wait before a retry. Set if the code is `SERVICE_UNAVAILABLE`. */
    readonly retryAfter: number | undefined,
    /** The id to report to support. Set if the code is `INTERNAL_SERVER_ERROR`. */
    readonly correlationId: string | undefined,
  ) {
    super(message);
  }
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; extensions: { code: string; retryAfter?: number; correlationId?: string } }[];
}

export class Countersign {
  /** In a browser, log in with the transport `COOKIE` and leave this undefined. */
  sessionToken: string | undefined;

  constructor(
    private readonly url: string,
    private readonly language = "en",
  ) {}

  /**
   * Execute an operation and return its data.
   *
   * Throws an `ApiError` if the answer contains a top-level error. Therefore use one root field per operation: with several
   * root fields, the data of the other fields would be lost.
   */
  async execute<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    ...[variables]: Variables extends Record<string, never> ? [] : [Variables]
  ): Promise<Data> {
    const response = await fetch(this.url, {
      method: "POST",
      // Send the session cookie to our own origin. If the API has another origin, use "include" and add the origin of this
      // page to `COUNTERSIGN_ALLOWED_ORIGINS`.
      credentials: "same-origin",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json;q=0.9",
        "Accept-Language": this.language,
        ...(this.sessionToken && { Authorization: `Bearer ${this.sessionToken}` }),
      },
      body: JSON.stringify({ query: document.toString(), variables: variables ?? {} }),
    });
    const answer = (await response.json()) as Answer<Data>;
    const [error] = answer.errors ?? [];
    if (error || !answer.data) {
      const { code = "INTERNAL_SERVER_ERROR", retryAfter, correlationId } = error?.extensions ?? {};
      throw new ApiError(code, error?.message ?? response.statusText, retryAfter, correlationId);
    }
    return answer.data;
  }
}
