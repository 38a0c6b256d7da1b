// Log in, activate 2FA, deactivate 2FA and log out. Each step handles every possible result. The application implements
// `Screens`.

import { Countersign } from "./client";
import type { SecondFactorInput, SecondFactorMethod } from "./generated/graphql";
import * as operations from "./operations";

/** The screens that ask the user for input. Show `errorMessage` next to the input field. */
export interface Screens {
  /** Disable the form for `retryAfterSeconds`, which does not depend on the clock of this machine. */
  askForSecondFactor(
    methods: SecondFactorMethod[],
    errorMessage?: string,
    retryAfterSeconds?: number | null,
  ): Promise<SecondFactorInput>;
  askForFirstOtp(qrCode: string, key: string, errorMessage?: string): Promise<string>;
  storeBackupCodes(codes: string[], file: { name: string; mimeType: string; content: string }): Promise<void>;
}

/** The outcome of a step: done, or a message for the user. */
export type Outcome =
  | { done: true }
  | { done: false; message: string; retryAfterSeconds?: number | null; startOver?: boolean };

const DONE: Outcome = { done: true };

/** Return the result of a root field. It is null only if the answer contains a top-level error, and `execute` throws that. */
function requireResult<T>(result: T | null): T {
  if (result === null) throw new Error("The result is null, but the answer contains no error.");
  return result;
}

function waitOutcome({ message, retryAfterSeconds }: { message: string; retryAfterSeconds: number | null }): Outcome {
  return { done: false, message, retryAfterSeconds };
}

/**
 * Handle a result type that did not exist when this client was built. Treat it as a user error.
 *
 * The parameter has the type `never`: if a known result type has no case, `tsc` fails.
 */
function unknownOutcome(result: never): Outcome {
  const { message } = result as { message?: string };
  return { done: false, message: message ?? "This did not work." };
}

export async function logIn(api: Countersign, screens: Screens, email: string, password: string): Promise<Outcome> {
  const { login } = await api.execute(operations.LOGIN, { email, password, transport: "TOKEN" });
  const result = requireResult(login);
  switch (result.__typename) {
    case "LoggedIn":
      api.sessionToken = result.sessionToken ?? undefined;
      return DONE;
    case "SecondFactorRequired":
      return verify(api, screens, result.challengeToken, result.methods);
    case "WrongEmailOrPassword":
    case "TooManyAttempts":
      return waitOutcome(result);
    default:
      return unknownOutcome(result);
  }
}

async function verify(
  api: Countersign,
  screens: Screens,
  challengeToken: string,
  methods: SecondFactorMethod[],
): Promise<Outcome> {
  let errorMessage: string | undefined;
  let retryAfterSeconds: number | null | undefined;
  for (;;) {
    const secondFactor = await screens.askForSecondFactor(methods, errorMessage, retryAfterSeconds);
    const { verifyLogin } = await api.execute(operations.VERIFY_LOGIN, { challengeToken, secondFactor });
    const result = requireResult(verifyLogin);
    switch (result.__typename) {
      case "LoggedIn":
        api.sessionToken = result.sessionToken ?? undefined;
        return DONE;
      case "WrongSecondFactor":
        // The challenge is still valid, so ask again.
        ({ message: errorMessage, retryAfterSeconds } = result);
        break;
      case "TooManyAttempts":
        return waitOutcome(result);
      case "SecondFactorLocked":
        return { done: false, message: result.message };
      case "ChallengeExpired":
        return { done: false, message: result.message, startOver: true };
      default:
        return unknownOutcome(result);
    }
  }
}

export async function activate(api: Countersign, screens: Screens, password: string): Promise<Outcome> {
  const { startTwoFactorActivation } = await api.execute(operations.START_ACTIVATION, { password });
  const result = requireResult(startTwoFactorActivation);
  switch (result.__typename) {
    case "TwoFactorActivation":
      return confirm(api, screens, result);
    case "TwoFactorAlreadyActive":
    // A company account can require the voucher of a reset. This client does not ask for one.
    case "VoucherNeeded":
    case "WrongVoucher":
    case "SecondFactorLocked":
      return { done: false, message: result.message };
    case "WrongPassword":
    case "TooManyAttempts":
      return waitOutcome(result);
    default:
      return unknownOutcome(result);
  }
}

async function confirm(
  api: Countersign,
  screens: Screens,
  activation: { activationId: string; key: string; qrCode: { svgDataUri: string } },
): Promise<Outcome> {
  const { activationId, key, qrCode } = activation;
  let errorMessage: string | undefined;
  for (;;) {
    const otp = await screens.askForFirstOtp(qrCode.svgDataUri, key, errorMessage);
    const { confirmOtp } = await api.execute(operations.CONFIRM_OTP, { activationId, otp });
    const result = requireResult(confirmOtp);
    switch (result.__typename) {
      case "BackupCodesIssued":
        await screens.storeBackupCodes(result.codes, result.file);
        return acknowledge(api, activationId);
      case "TwoFactorActivated":
        // Backup codes are disabled, so no further step follows.
        return DONE;
      // For an authenticator that the user adds or replaces while 2FA is active.
      case "AuthenticatorAdded":
      case "AuthenticatorReplaced":
        return DONE;
      case "WrongOtp":
        errorMessage = result.message;
        break;
      case "ActivationExpired":
        return { done: false, message: result.message, startOver: true };
      case "TooManyAttempts":
        return waitOutcome(result);
      default:
        return unknownOutcome(result);
    }
  }
}

async function acknowledge(api: Countersign, activationId: string): Promise<Outcome> {
  const { acknowledgeBackupCodes } = await api.execute(operations.ACKNOWLEDGE_BACKUP_CODES, { activationId });
  const result = requireResult(acknowledgeBackupCodes);
  switch (result.__typename) {
    case "TwoFactorActivated":
    // For the new codes of `regenerateBackupCodes`.
    case "BackupCodesAcknowledged":
      return DONE;
    case "ActivationExpired":
    case "OtpNotConfirmed":
      return { done: false, message: result.message, startOver: true };
    default:
      return unknownOutcome(result);
  }
}

export async function deactivate(api: Countersign, password: string): Promise<Outcome> {
  const { deactivateTwoFactor } = await api.execute(operations.DEACTIVATE, { password });
  const result = requireResult(deactivateTwoFactor);
  switch (result.__typename) {
    case "TwoFactorDeactivated":
      return DONE;
    case "TwoFactorIsEnforced":
    case "TwoFactorNotActive":
    // An admin can require a second factor for changes. This client does not ask for one.
    case "SecondFactorNeeded":
    case "WrongSecondFactor":
      return { done: false, message: result.message };
    case "WrongPassword":
    case "TooManyAttempts":
      return waitOutcome(result);
    default:
      return unknownOutcome(result);
  }
}

export async function logOut(api: Countersign): Promise<void> {
  await api.execute(operations.LOGOUT);
  api.sessionToken = undefined;
}
