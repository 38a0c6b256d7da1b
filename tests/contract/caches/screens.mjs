// Watches the queries of the guide, runs its mutations, and compares each screen with the answer of the server:
// `node screens.mjs SETTINGS apollo|urql`. Fails if a screen is not current, or if the client sends other requests.

import assert from "node:assert/strict";
import { Apollo } from "./apollo.mjs";
import { Connection, comparable, otp, settings } from "./support.mjs";
import { Urql } from "./urql.mjs";

const { guide, password, newPassword, member, admin, memberId } = settings;
const activate = guide["activate.md"];
const account = guide["account.md"];
const codes = guide["backup-codes.md"];
const adminPage = guide["admin.md"];
const policy = guide["security-policy.md"];
const warnings = [];
// Unless graphcache has the whole schema, it warns of the fields of all members of a union that the answer is not.
const isExpected = (warning) => process.argv[3] === "urql" && warning.startsWith("Invalid undefined: ");
console.warn = (...words) => isExpected(words.join(" ")) || warnings.push(words.join(" "));
console.error = console.warn;

const createClient = (connection) => (process.argv[3] === "apollo" ? new Apollo(connection) : new Urql(connection));

// Runs a step, and checks the number of its requests and that every screen shows what the server answers now.
async function step(client, name, requests, run) {
  const before = client.connection.requests.length;
  const result = await run();
  await client.connection.idle();
  for (const [screen, { document, variables, data }] of client.screens) {
    const expected = comparable(await client.connection.run(document, variables));
    assert.deepEqual(comparable(data ?? null), expected, `${name}: the screen ${screen} is not current`);
  }
  assert.equal(client.connection.requests.length - before, requests, `${name}: requests`);
  return result;
}

async function otherSession(code) {
  const other = new Connection();
  const { login } = await other.run(codes.Login, { email: member, password });
  const secondFactor = { backupCode: code };
  const { verifyLogin } = await other.run(codes.VerifyLogin, { challengeToken: login.challengeToken, secondFactor });
  return verifyLogin.session.id;
}

async function memberPages() {
  const secrets = [];
  const connection = new Connection();
  const client = createClient(connection);
  const { Start } = guide["getting-started.md"];
  const login = { email: member, password, transport: "TOKEN" };
  await step(client, "start", 1, () => client.watch("Start", Start));
  await step(client, "login", 2, () => client.logIn(guide["log-in.md"].Login, login));
  secrets.push(connection.token);
  await new Connection().run(guide["log-in.md"].Login, { email: member, password, transport: "TOKEN" });
  await step(client, "open the pages", 4, () => {
    client.watch("SecurityTab", activate.SecurityTab);
    client.watch("Account", account.Account);
    client.watch("Devices", account.Devices);
    client.watch("Refetch", guide["caching.md"].Refetch, { id: memberId });
  });

  const startActivation = () => client.mutateWithSecret(activate.StartActivation, { password });
  const { startTwoFactorActivation: started } = await step(client, "start an activation", 1, startActivation);
  const confirmation = { activationId: started.activationId, otp: otp(started.key) };
  const confirm = () => client.mutateWithSecret(activate.ConfirmOtp, confirmation);
  const { confirmOtp: issued } = await step(client, "confirm the OTP", 1, confirm);
  assert.equal(issued.__typename, "BackupCodesIssued");
  const acknowledgement = { activationId: started.activationId };
  await step(client, "activate", 1, () => client.mutate(activate.AcknowledgeBackupCodes, acknowledgement));
  assert.equal(client.screens.get("Start").data.viewer.twoFactor.state, "ACTIVE");
  assert.equal(client.screens.get("SecurityTab").data.viewer.twoFactor.state, "ACTIVE");
  assert.equal(client.screens.get("Account").data.viewer.sessions.length, 1);

  const regenerate = () => client.mutateWithSecret(codes.RegenerateBackupCodes, { password });
  const { regenerateBackupCodes: fresh } = await step(client, "new backup codes", 1 + client.refetches, regenerate);
  const stored = { activationId: fresh.activationId };
  await step(client, "store them", 1, () => client.mutate(codes.AcknowledgeNewBackupCodes, stored));

  const lost = await otherSession(fresh.codes[0]);
  await otherSession(fresh.codes[1]);
  const pages = ["Account", "SecurityTab"];
  await step(client, "open the pages again", 2, () => Promise.all(pages.map((name) => client.refetch(name))));
  assert.equal(client.screens.get("Account").data.viewer.sessions.length, 3);
  await step(client, "revoke a session", 1, () => client.mutate(account.RevokeSession, { id: lost }));
  await step(client, "revoke the others", 1, () => client.mutate(account.RevokeOtherSessions));
  await otherSession(fresh.codes[2]);
  await step(client, "open them once more", 2, () => Promise.all(pages.map((name) => client.refetch(name))));
  const change = { currentPassword: password, newPassword };
  await step(client, "change the password", 1, () => client.mutate(account.ChangePassword, change));
  const deactivate = { password: newPassword };
  await step(client, "deactivate", 1, () => client.mutate(guide["deactivate.md"].Deactivate, deactivate));
  assert.equal(client.screens.get("Start").data.viewer.twoFactor.state, "INACTIVE");

  secrets.push(started.activationId, started.key, ...issued.codes, ...fresh.codes, fresh.activationId);
  return { client, secrets };
}

// With backup codes off, `confirmOtp` is the last step.
async function activationWithoutBackupCodes(client, secrets) {
  const operator = new Connection();
  const { login } = await operator.run(adminPage.Login, { email: admin, password });
  operator.token = login.sessionToken;
  await operator.run(policy.UpdatePolicy, { password, backupCodesEnabled: false });
  await step(client, "backup codes are off", 1, () => client.refetch("SecurityTab"));
  const { startTwoFactorActivation: started } = await client.mutateWithSecret(activate.StartActivation, {
    password: newPassword,
  });
  const confirmation = { activationId: started.activationId, otp: otp(started.key) };
  const confirm = () => client.mutateWithSecret(activate.ConfirmOtp, confirmation);
  const { confirmOtp } = await step(client, "activate at once", 1 + client.refetches, confirm);
  assert.equal(confirmOtp.__typename, "TwoFactorActivated");
  assert.equal(client.screens.get("Start").data.viewer.twoFactor.state, "ACTIVE");
  secrets.push(started.activationId, started.key);
}

async function adminPages() {
  const client = createClient(new Connection());
  await client.logIn(adminPage.Login, { email: admin, password });
  await step(client, "open the pages of an admin", 3, () => {
    client.watch("SecurityTab", activate.SecurityTab);
    client.watch("Users", adminPage.Users, { filter: { search: member }, after: null });
    client.watch("Enforced", policy.Enforced);
  });
  const target = { userId: memberId, password };
  await step(client, "reset", 1, () => client.mutate(adminPage.Reset, target));
  assert.equal(client.screens.get("Users").data.users.nodes[0].twoFactor.state, "INACTIVE");
  await step(client, "end the sessions", 1, () => client.mutate(adminPage.EndSessions, target));
  client.leave("Users");
  const rules = { password, backupCodesEnabled: true };
  await step(client, "allow backup codes", 1, () => client.mutate(policy.UpdatePolicy, rules));
  assert.equal(client.screens.get("SecurityTab").data.featureFlags.backupCodes, true);
  client.leave("Enforced");
  client.watch("Rules", "query Rules { viewer { id twoFactor { enforced setupRequired } } }");
  await step(client, "enforce", 1, () => client.mutate(policy.UpdatePolicy, { password, twoFactorEnforced: true }));
  assert.equal(client.screens.get("Rules").data.viewer.twoFactor.setupRequired, true);
}

// Screens with different fields of the objects without an id.
async function differentSelections() {
  const client = createClient(new Connection());
  await client.logIn(adminPage.Login, { email: admin, password });
  const screens = [
    "{ viewer { id twoFactor { state } } }",
    "{ viewer { id twoFactor { enforced lastUsedAt } } }",
    "{ viewer { id securityEvents(first: 1) { nodes { id } } } }",
    "{ viewer { id securityEvents(first: 1) { pageInfo { hasNextPage } } } }",
    "{ users(first: 2) { totalCount } }",
    "{ users(first: 2) { nodes { id name } } }",
    "{ users(first: 2) { pageInfo { hasNextPage } } }",
    "{ users(first: 2) { pageInfo { endCursor } } }",
    "{ securityEvents(first: 2) { nodes { id kind } } }",
    "{ securityEvents(first: 2) { pageInfo { endCursor } } }",
    "{ featureFlags { backupCodes } }",
  ];
  await step(client, "different selections", screens.length, () => {
    for (const document of screens) client.watch(document, document);
  });
  const again = () => Promise.all(screens.map((document) => client.refetch(document)));
  await step(client, "refetch all", screens.length, again);
}

await differentSelections();
const { client, secrets } = await memberPages();
await activationWithoutBackupCodes(client, secrets);
assert.equal(secrets.length, 26);
for (const secret of [...secrets, password, newPassword]) assert.ok(!client.cached().includes(secret), "a secret is cached");
assert.ok(client.cached().includes(memberId));
await adminPages();
assert.deepEqual(warnings, []);
console.log("all screens are current");
