/**
 * The routes of all pages. The server enforces permissions; `access` only avoids requests that it would reject.
 *
 * The modules of pages that nobody sees without a session are imported when they are needed, so that the login appears sooner.
 */

import { BACKUP_CODE_PATH, OTP_PATH } from "./challenge.js";
import { activationPage, activationWarning, resetActivation } from "./pages/activation.js";
import { backupCodesPage, backupCodesWarning, clearBackupCodes } from "./pages/backup-codes.js";
import { loginPage } from "./pages/login.js";
import { anotherDevicePage, newDevicePage, resetNewDevice } from "./pages/new-device.js";
import { backupCodePage, otpPage } from "./pages/second-factor.js";
import { clearVoucher, voucherWarning } from "./pages/voucher.js";
import { ACTIVATION_PATH, ANOTHER_DEVICE_PATH, HOME_PATH, LOGIN_PATH, NEW_DEVICE_PATH, SECURITY_PATH } from "./redirects.js";

/** @type {import("./router.js").Route[]} */
export const ROUTES = [
  { path: LOGIN_PATH, load: loginPage, access: "anonymous" },
  { path: OTP_PATH, load: otpPage, access: "anonymous" },
  { path: BACKUP_CODE_PATH, load: backupCodePage, access: "anonymous" },
  { path: HOME_PATH, load: async () => (await import("./pages/profile.js")).profilePage(), access: "user" },
  { path: SECURITY_PATH, load: async () => (await import("./pages/security.js")).securityPage(), access: "user" },
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
  { path: NEW_DEVICE_PATH, load: newDevicePage, access: "user", onLeave: resetNewDevice },
  { path: ANOTHER_DEVICE_PATH, load: anotherDevicePage, access: "user", onLeave: resetNewDevice },
  {
    path: "/account/security/authenticators/:id",
    load: async (at) => (await import("./pages/authenticators.js")).removeAuthenticatorPage(at),
    access: "user",
  },
  {
    path: "/account/security/deactivate",
    load: async () => (await import("./pages/deactivation.js")).deactivationPage(),
    access: "user",
  },
  { path: "/account/sessions", load: async () => (await import("./pages/sessions.js")).sessionsPage(), access: "user" },
  { path: "/account/password", load: async () => (await import("./pages/password.js")).passwordPage(), access: "user" },
  { path: "/account/activity", load: async (at) => (await import("./pages/activity.js")).activityPage(at), access: "user" },
  { path: "/users", load: async (at) => (await import("./pages/users.js")).usersPage(at), access: "admin" },
  {
    path: "/users/:id",
    load: async (at) => (await import("./pages/user.js")).userPage(at),
    access: "admin",
    onLeave: clearVoucher,
    leaveWarning: voucherWarning,
  },
  {
    path: "/users/:id/account/:action",
    load: async (at) => (await import("./pages/user-actions.js")).userActionPage(at),
    access: "admin",
  },
  { path: "/events", load: async (at) => (await import("./pages/events.js")).eventsPage(at), access: "admin" },
  { path: "/policy", load: async () => (await import("./pages/policy.js")).policyPage(), access: "admin" },
  {
    path: "/mailbox",
    load: async () => (await import("./pages/mailbox.js")).mailboxPage(),
    access: "public",
    allowedDuringSetup: true,
  },
];
