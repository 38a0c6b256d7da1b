// What must not compile: `npm run check` fails where one of these mistakes goes unnoticed.

import { Countersign } from "./client";
import type { SecondFactorInput } from "./generated/graphql";
import { LOGIN, VIEWER } from "./operations";

export const otp: SecondFactorInput = { otp: "123456" };
export const backupCode: SecondFactorInput = { backupCode: "7M4QX2K9TB" };
// @ts-expect-error  Exactly one of the two.
export const both: SecondFactorInput = { otp: "123456", backupCode: "7M4QX2K9TB" };
// @ts-expect-error  Not none either.
export const neither: SecondFactorInput = {};

export async function mistakes(api: Countersign): Promise<void> {
  // @ts-expect-error  A variable is missing.
  await api.execute(LOGIN, { email: "mia@acme.example", password: "…" });
  const { viewer } = await api.execute(VIEWER);
  // @ts-expect-error  Nobody may be signed in.
  viewer.name;
  const { login } = await api.execute(LOGIN, { email: "mia@acme.example", password: "…", transport: "TOKEN" });
  // @ts-expect-error  It may be a challenge or a refusal.
  login?.sessionToken;
}
