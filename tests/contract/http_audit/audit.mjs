// Runs the audits of graphql-http against a server that is up: `node audit.mjs URL [HEADER:VALUE ...]`.
// Prints each audit that is not passed, and the counts. Exits with 1 unless every one is passed.

import { serverAudits } from "graphql-http";

const [url, ...pairs] = process.argv.slice(2);
if (!url) {
  console.error("usage: node audit.mjs URL [HEADER:VALUE ...]");
  process.exit(2);
}
const extra = pairs.map((pair) => {
  const colon = pair.indexOf(":");
  return [pair.slice(0, colon), pair.slice(colon + 1).trim()];
});

function fetchFn(address, init = {}) {
  const headers = new Headers(init.headers);
  for (const [name, value] of extra) headers.set(name, value);
  return fetch(address, { ...init, headers });
}

let passed = 0;
let failed = 0;
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  if (result.status === "ok") {
    passed += 1;
  } else {
    failed += 1;
    console.log(`${result.id} ${result.name}: ${result.reason} (${result.response.status})`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
