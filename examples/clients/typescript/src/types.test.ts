// Mistakes that must not compile. If one of them compiles, `npm run check` fails.

import { Countersign } from "./client";
import type { SecondFactorInput } from "./generated/graphql";
import { LOGIN, VIEWER } from "./operations";

export const otp: SecondFactorInput = { otp: "123456" };
export const backupCode: SecondFactorInput = { backupCode: "7M4QX2K9TB" };
// @ts-expect-error  Exactly one second factor is allowed.
export const both: SecondFactorInput = { otp: "123456", backupCode: "7M4QX2K9TB" };
// @ts-expect-error  One second factor is required.
export const neither: SecondFactorInput = {};

export async function mistakes(api: Countersign): Promise<void> {
  // @ts-expect-error  A variable is missing.
  await api.execute(LOGIN, { email: "mia@acme.example", password: "…" });
  const { viewer } = await api.execute(VIEWER);
  // @ts-expect-error  `viewer` is null if nobody is logged in.
  viewer.name;
  const { login } = await api.execute(LOGIN, { email: "mia@acme.example", password: "…", transport: "TOKEN" });
  // @ts-expect-error  The result can also be a challenge or a user error.
  login?.sessionToken;
}
