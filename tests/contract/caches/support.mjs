// What both clients share: the operations of the guide, counted requests, an authenticator, and answers without a cache.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

// More requests than any scenario needs. A client that refetches in a loop reaches it at once.
const MAX_REQUESTS = 200;

export const settings = JSON.parse(readFileSync(process.argv[2], "utf-8"));
export const { typePolicies, keys } = JSON.parse(readFileSync(settings.cachePolicies, "utf-8"));
export const possibleTypes = JSON.parse(readFileSync(settings.possibleTypes, "utf-8"));

export class Connection {
  // Sends requests with the session token, and counts them.
  constructor() {
    this.token = undefined;
    this.requests = [];
    this.open = 0;
    this.fetch = this.fetch.bind(this);
  }

  async fetch(url, options) {
    this.requests.push({ url: String(url), method: options.method, body: options.body });
    if (this.requests.length > MAX_REQUESTS) throw new Error("requests without end");
    this.open += 1;
    try {
      const headers = new Headers(options.headers);
      if (this.token) headers.set("authorization", `Bearer ${this.token}`);
      const response = await fetch(url, { ...options, headers });
      return new Response(await response.text(), { status: response.status, headers: response.headers });
    } finally {
      this.open -= 1;
    }
  }

  // Waits until the client has no request under way and starts no other one.
  async idle() {
    for (let quietRounds = 0; quietRounds < 10; quietRounds += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (this.open) quietRounds = 0;
    }
  }

  // Runs an operation without a cache, and does not count it.
  async run(query, variables) {
    const headers = { "content-type": "application/json" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    const body = JSON.stringify({ query, variables });
    const { data, errors } = await (await fetch(settings.url, { method: "POST", headers, body })).json();
    if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
    return data;
  }
}

// RFC 6238 with SHA-1, six digits and 30 seconds.
export function otp(key) {
  const bits = [...key].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
  const secret = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", secret).update(step).digest();
  const code = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff;
  return String(code % 1_000_000).padStart(6, "0");
}

// Lists of events grow with every action, and `lastSeenAt` with every request: clients refetch them.
export function comparable(value) {
  if (Array.isArray(value)) return value.map(comparable);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([name]) => !["__typename", "securityEvents", "lastSeenAt"].includes(name));
  return Object.fromEntries(kept.map(([name, child]) => [name, comparable(child)]));
}
