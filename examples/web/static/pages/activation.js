/**
 * The activation of 2FA in three steps: password, set-up of the authenticator app, backup codes.
 *
 * The server returns the TOTP secret and the backup codes only once. They are stored in `progress` alone, and deleted when
 * the user leaves the page.
 */

import { h, note } from "../dom.js";
import { form, formError, passwordField } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { ACKNOWLEDGE_BACKUP_CODES, CONFIRM_OTP, START_ACTIVATION } from "../operations.js";
import { HOME_PATH, SECURITY_PATH } from "../redirects.js";
import { navigate, refresh } from "../router.js";
import { keepNewToken, loadViewer, requireViewer, state } from "../state.js";
import { newCodesPage } from "./backup-code-list.js";
import { setUpPage } from "./set-up.js";
import { voucherField } from "./voucher.js";

/** @typedef {import("../router.js").Page} Page */
/** @typedef {import("../router.js").Redirect} Redirect */
/** @typedef {import("../graphql.js").MutationResult} MutationResult */

/**
 * `result` belongs to the steps `setUp` and `codes`; `error` is shown in the step `password`.
 * @type {{ step: "password" | "setUp" | "codes", result?: MutationResult, error?: string }}
 */
let progress = { step: "password" };

/** Deletes the secrets, and goes back to the first step. */
export function resetActivation() {
  progress = { step: "password" };
}

/** Warns the user who has not confirmed yet that they stored the backup codes. */
export function activationWarning() {
  return progress.step === "codes" ? t("codes.leave") : null;
}

/** @returns {Page | Promise<Page | Redirect>} */
export function activationPage() {
  const result = /** @type {MutationResult} */ (progress.result);
  switch (progress.step) {
    case "setUp":
      return setUpStep(result);
    case "codes":
      return codesStep(result);
    default:
      return passwordStep();
  }
}

/** Renders another step of the activation. @param {typeof progress} next */
function showStep(next) {
  progress = next;
  refresh();
}

/** @returns {Promise<Page | Redirect>} */
async function passwordStep() {
  // Load the viewer again: another session can activate 2FA.
  const viewer = requireViewer(await loadViewer());
  if (viewer.twoFactor.state === "ACTIVE") {
    return { redirectTo: SECURITY_PATH };
  }
  const { setupRequired, voucherNeeded } = viewer.twoFactor;
  return {
    title: t("activate"),
    narrow: true,
    content: [
      ...(setupRequired ? [note(t("activate.required"), "warning")] : []),
      h(
        "div",
        { class: "card" },
        h("p", {}, t("activate.lead")),
        form({
          fields: [passwordField(), ...(voucherNeeded ? [voucherField()] : [])],
          submit: t("continue"),
          focus: true,
          besideButton: setupRequired ? [] : [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: startActivation,
          initialError: progress.error,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function startActivation({ password, voucher }) {
  const { startTwoFactorActivation: result } = await send(START_ACTIVATION, { password, voucher: voucher || null });
  switch (result.__typename) {
    case "TwoFactorActivation":
      showStep({ step: "setUp", result });
      return;
    case "VoucherNeeded":
      // The page was shown before an admin changed the policy.
      showStep({ step: "password", error: userErrorText(result) });
      return;
    default:
      return formError(result, "password", {
        TwoFactorAlreadyActive: undefined,
        WrongVoucher: "voucher",
        SecondFactorLocked: "voucher",
        // Of passwords or of vouchers.
        ...(voucher && { TooManyAttempts: undefined }),
      });
  }
}

/** @param {MutationResult} activation @returns {Promise<Page>} */
function setUpStep(activation) {
  return setUpPage(activation, {
    title: t("setUp.title"),
    lead: t("setUp.lead"),
    addText: t("setUp.addText"),
    otpHint: ({ backupCodes }) => t(backupCodes ? "setUp.otpHint" : "setUp.otpHintLast"),
    onOtp: (otp) => confirmOtp(activation.activationId, otp),
  });
}

/** @param {string} activationId @param {string} otp */
async function confirmOtp(activationId, otp) {
  const { confirmOtp: result } = await send(CONFIRM_OTP, { activationId, otp });
  switch (result.__typename) {
    // The server decides between the next two results: an admin can enable or disable backup codes at any time.
    case "BackupCodesIssued":
      showStep({ step: "codes", result });
      return;
    case "TwoFactorActivated":
      finish(result);
      return;
    case "ActivationExpired":
      showStep({ step: "password", error: userErrorText(result) });
      return;
    default:
      return formError(result, "otp");
  }
}

/** @param {MutationResult} issued @returns {Page} */
function codesStep({ activationId, codes, file }) {
  return newCodesPage(codes, file, t("activate"), () => acknowledgeCodes(activationId));
}

/** @param {string} activationId */
async function acknowledgeCodes(activationId) {
  const { acknowledgeBackupCodes: result } = await send(ACKNOWLEDGE_BACKUP_CODES, { activationId });
  switch (result.__typename) {
    case "TwoFactorActivated":
      finish(result);
      return;
    case "ActivationExpired":
      showStep({ step: "password", error: userErrorText(result) });
      return;
    default:
      return formError(result, "stored");
  }
}

/** @param {MutationResult} activated */
function finish(activated) {
  const { viewer } = activated;
  keepNewToken(activated);
  state.viewer = viewer;
  // Nothing is left to lose, so the user is not asked.
  resetActivation();
  notify(t("activate.done"));
  navigate(viewer ? SECURITY_PATH : HOME_PATH, { replace: true });
}
