// Sends operations. All that is particular to Countersign about it stands in the comments.

import type { TypedDocumentString } from "./generated/graphql";

/** The codes of top-level errors. More may come. */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "TWO_FACTOR_SETUP_REQUIRED"
  | "BAD_USER_INPUT"
  | "SERVICE_UNAVAILABLE"
  | "INTERNAL_SERVER_ERROR"
  | (string & {});

/** What no correct client meets, or what it can only wait for. */
export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Seconds after which to try again, with `SERVICE_UNAVAILABLE`. */
    readonly retryAfter: number | undefined,
    /** What to tell support, with `INTERNAL_SERVER_ERROR`. */
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
  /** In a browser, sign in with the transport `COOKIE` and leave it undefined. */
  sessionToken: string | undefined;

  constructor(
    private readonly url: string,
    private readonly language = "en",
  ) {}

  /** The data of an operation. A field that was refused is null in it, so an operation with one field throws instead. */
  async execute<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    ...[variables]: Variables extends Record<string, never> ? [] : [Variables]
  ): Promise<Data> {
    const response = await fetch(this.url, {
      method: "POST",
      // The cookie goes along, to our own origin; to another one it takes "include" and the server's leave.
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
