// The life of 2FA, each step with every answer that it can have. What to show is left to `Screens`.

import { Countersign } from "./client";
import type { SecondFactorInput, SecondFactorMethod } from "./generated/graphql";
import * as operations from "./operations";

/** What a person is asked for and shown. A refusal stands beside the field that it is about. */
export interface Screens {
  secondFactor(methods: SecondFactorMethod[], refusal?: string): Promise<SecondFactorInput>;
  otpOfNewEntry(qrCode: string, key: string, refusal?: string): Promise<string>;
  storeBackupCodes(codes: string[], file: { name: string; mimeType: string; content: string }): Promise<void>;
}

/** How a step ended: done, or refused with words for the person at the screen. */
export type Outcome =
  | { done: true }
  | { done: false; message: string; retryAt?: Date; startOver?: boolean };

const DONE: Outcome = { done: true };

/** A root field is null only beside an error, which `execute` throws. */
function given<T>(answer: T | null): T {
  if (answer === null) throw new Error("null without an error");
  return answer;
}

function wait(refusal: { message: string; retryAt: string }): Outcome {
  return { done: false, message: refusal.message, retryAt: new Date(refusal.retryAt) };
}

/**
 * A name that this client was not built with: the server has learnt a new refusal. It is a refusal all the same.
 * The parameter is `never`, so `tsc` fails where a member that is known has no case of its own.
 */
function unknownAnswer(answer: never): Outcome {
  const { message } = answer as { message?: string };
  return { done: false, message: message ?? "This did not work." };
}

export async function signIn(api: Countersign, screens: Screens, email: string, password: string): Promise<Outcome> {
  const { login } = await api.execute(operations.LOGIN, { email, password, transport: "TOKEN" });
  const answer = given(login);
  switch (answer.__typename) {
    case "LoggedIn":
      api.sessionToken = answer.sessionToken ?? undefined;
      return DONE;
    case "SecondFactorRequired":
      return verify(api, screens, answer.challengeToken, answer.methods);
    case "WrongEmailOrPassword":
      return { done: false, message: answer.message };
    case "TooManyAttempts":
      return wait(answer);
    default:
      return unknownAnswer(answer);
  }
}

async function verify(
  api: Countersign,
  screens: Screens,
  challengeToken: string,
  methods: SecondFactorMethod[],
): Promise<Outcome> {
  let refusal: string | undefined;
  for (;;) {
    const secondFactor = await screens.secondFactor(methods, refusal);
    const { verifyLogin } = await api.execute(operations.VERIFY_LOGIN, { challengeToken, secondFactor });
    const answer = given(verifyLogin);
    switch (answer.__typename) {
      case "LoggedIn":
        api.sessionToken = answer.sessionToken ?? undefined;
        return DONE;
      case "WrongSecondFactor":
        // The challenge is still good: ask again.
        refusal = answer.message;
        break;
      case "TooManyAttempts":
        return wait(answer);
      case "SecondFactorLocked":
        return { done: false, message: answer.message };
      case "ChallengeExpired":
        return { done: false, message: answer.message, startOver: true };
      default:
        return unknownAnswer(answer);
    }
  }
}

export async function activate(api: Countersign, screens: Screens, password: string): Promise<Outcome> {
  const { startTwoFactorActivation } = await api.execute(operations.START_ACTIVATION, { password });
  const answer = given(startTwoFactorActivation);
  switch (answer.__typename) {
    case "TwoFactorActivation":
      return confirm(api, screens, answer);
    case "WrongPassword":
    case "TwoFactorAlreadyActive":
      return { done: false, message: answer.message };
    case "TooManyAttempts":
      return wait(answer);
    default:
      return unknownAnswer(answer);
  }
}

async function confirm(
  api: Countersign,
  screens: Screens,
  activation: { activationId: string; key: string; qrCode: { svgDataUri: string } },
): Promise<Outcome> {
  const { activationId, key, qrCode } = activation;
  let refusal: string | undefined;
  for (;;) {
    const otp = await screens.otpOfNewEntry(qrCode.svgDataUri, key, refusal);
    const { confirmOtp } = await api.execute(operations.CONFIRM_OTP, { activationId, otp });
    const answer = given(confirmOtp);
    switch (answer.__typename) {
      case "BackupCodesIssued":
        await screens.storeBackupCodes(answer.codes, answer.file);
        return acknowledge(api, activationId);
      case "TwoFactorActivated":
        // Backup codes are off: that was all.
        return DONE;
      case "WrongOtp":
        refusal = answer.message;
        break;
      case "ActivationExpired":
        return { done: false, message: answer.message, startOver: true };
      case "TooManyAttempts":
        return wait(answer);
      default:
        return unknownAnswer(answer);
    }
  }
}

async function acknowledge(api: Countersign, activationId: string): Promise<Outcome> {
  const { acknowledgeBackupCodes } = await api.execute(operations.ACKNOWLEDGE_BACKUP_CODES, { activationId });
  const answer = given(acknowledgeBackupCodes);
  switch (answer.__typename) {
    case "TwoFactorActivated":
      return DONE;
    case "ActivationExpired":
    case "OtpNotConfirmed":
      return { done: false, message: answer.message, startOver: true };
    default:
      return unknownAnswer(answer);
  }
}

export async function deactivate(api: Countersign, password: string): Promise<Outcome> {
  const { deactivateTwoFactor } = await api.execute(operations.DEACTIVATE, { password });
  const answer = given(deactivateTwoFactor);
  switch (answer.__typename) {
    case "TwoFactorDeactivated":
      return DONE;
    case "WrongPassword":
    case "TwoFactorIsEnforced":
    case "TwoFactorNotActive":
      return { done: false, message: answer.message };
    case "TooManyAttempts":
      return wait(answer);
    default:
      return unknownAnswer(answer);
  }
}

export async function signOut(api: Countersign): Promise<void> {
  await api.execute(operations.LOGOUT);
  api.sessionToken = undefined;
}
