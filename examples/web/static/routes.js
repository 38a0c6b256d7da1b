/** The routes of all pages. The server enforces permissions; `access` only avoids requests that it would reject. */

import { BACKUP_CODE_PATH, OTP_PATH } from "./challenge.js";
import { activationPage, activationWarning, resetActivation } from "./pages/activation.js";
import { activityPage } from "./pages/activity.js";
import { backupCodesPage, backupCodesWarning, clearBackupCodes } from "./pages/backup-codes.js";
import { deactivationPage } from "./pages/deactivation.js";
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
import { backupCodePage, otpPage } from "./pages/second-factor.js";
import { ACTIVATION_PATH, HOME_PATH, LOGIN_PATH, SECURITY_PATH } from "./redirects.js";

/** @type {import("./router.js").Route[]} */
export const ROUTES = [
  { path: LOGIN_PATH, load: loginPage, access: "anonymous" },
  { path: OTP_PATH, load: otpPage, access: "anonymous" },
  { path: BACKUP_CODE_PATH, load: backupCodePage, access: "anonymous" },
  { path: HOME_PATH, load: profilePage, access: "user" },
  { path: SECURITY_PATH, load: securityPage, access: "user" },
  {
    path: ACTIVATION_PATH,
    load: activationPage,
    access: "user",
    allowedDuringSetup: true,
    onLeave: resetActivation,
    leaveWarning: activationWarning,
  },
  {
    path: "/account/security/backup-codes",
    load: backupCodesPage,
    access: "user",
    onLeave: clearBackupCodes,
    leaveWarning: backupCodesWarning,
  },
  { path: "/account/security/deactivate", load: deactivationPage, access: "user" },
  { path: "/account/sessions", load: sessionsPage, access: "user" },
  { path: "/account/password", load: passwordPage, access: "user" },
  { path: "/account/activity", load: activityPage, access: "user" },
  { path: "/users", load: usersPage, access: "admin" },
  { path: "/users/:id", load: userPage, access: "admin" },
  { path: "/events", load: eventsPage, access: "admin" },
  { path: "/policy", load: policyPage, access: "admin" },
  { path: "/mailbox", load: mailboxPage, access: "public", allowedDuringSetup: true },
];
