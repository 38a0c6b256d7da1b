/** The pages: their addresses, and who may see them. What users may is up to the server; this only spares them refusals. */

import { activatePage, leaveActivation } from "./pages/activate.js";
import { activityPage } from "./pages/activity.js";
import { backupCodesPage, leaveBackupCodes } from "./pages/backup-codes.js";
import { deactivatePage } from "./pages/deactivate.js";
import { eventsPage } from "./pages/events.js";
import { loginPage } from "./pages/login.js";
import { mailboxPage } from "./pages/mailbox.js";
import { passwordPage } from "./pages/password.js";
import { policyPage } from "./pages/policy.js";
import { profilePage } from "./pages/profile.js";
import { securityPage } from "./pages/security.js";
import { sessionsPage } from "./pages/sessions.js";
import { userPage } from "./pages/user.js";
import { usersPage } from "./pages/users.js";
import { backupCodePage, otpPage } from "./pages/verify.js";

/** @type {import("./router.js").Route[]} */
export const ROUTES = [
  { path: "/login", load: loginPage, for: "nobody" },
  { path: "/login/otp", load: otpPage, for: "nobody" },
  { path: "/login/backup-code", load: backupCodePage, for: "nobody" },
  { path: "/account", load: profilePage, for: "user" },
  { path: "/account/security", load: securityPage, for: "user" },
  {
    path: "/account/security/activate",
    load: activatePage,
    for: "user",
    duringSetup: true,
    leave: leaveActivation,
  },
  { path: "/account/security/backup-codes", load: backupCodesPage, for: "user", leave: leaveBackupCodes },
  { path: "/account/security/deactivate", load: deactivatePage, for: "user" },
  { path: "/account/sessions", load: sessionsPage, for: "user" },
  { path: "/account/password", load: passwordPage, for: "user" },
  { path: "/account/activity", load: activityPage, for: "user" },
  { path: "/users", load: usersPage, for: "admin" },
  { path: "/users/:id", load: userPage, for: "admin" },
  { path: "/events", load: eventsPage, for: "admin" },
  { path: "/policy", load: policyPage, for: "admin" },
  { path: "/mailbox", load: mailboxPage, for: "anybody", duringSetup: true },
];
