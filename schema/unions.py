"""What can become of each mutation: what it did, and the refusals that its clients must be ready for."""

from typing import Annotated, TypeAlias

import strawberry

from schema import errors, results

LoginResult: TypeAlias = Annotated[
    results.LoggedIn | results.SecondFactorRequired | errors.WrongEmailOrPassword | errors.TooManyAttempts,
    strawberry.union(
        "LoginResult",
        description=(
            "The first step of signing in: done with `LoggedIn`, on to the second factor with `SecondFactorRequired`. "
            "With any other name the user is still outside."
        ),
    ),
]

VerifyLoginResult: TypeAlias = Annotated[
    results.LoggedIn
    | errors.WrongSecondFactor
    | errors.ChallengeExpired
    | errors.SecondFactorLocked
    | errors.TooManyAttempts,
    strawberry.union(
        "VerifyLoginResult",
        description=(
            "The second step of signing in. Stay on the page with `WrongSecondFactor` and `TooManyAttempts`, offer the "
            "other method with `SecondFactorLocked`, and go back to the first step with `ChallengeExpired`."
        ),
    ),
]

StartTwoFactorActivationResult: TypeAlias = Annotated[
    results.TwoFactorActivation | errors.WrongPassword | errors.TwoFactorAlreadyActive | errors.TooManyAttempts,
    strawberry.union(
        "StartTwoFactorActivationResult",
        description="The beginning of an activation. Only `TwoFactorActivation` carries something to scan.",
    ),
]

ConfirmOtpResult: TypeAlias = Annotated[
    results.BackupCodesIssued
    | results.TwoFactorActivated
    | errors.WrongOtp
    | errors.ActivationExpired
    | errors.TooManyAttempts,
    strawberry.union(
        "ConfirmOtpResult",
        description=(
            "The middle of an activation, and with backup codes off its end. Branch by the name, not by a feature "
            "flag: `BackupCodesIssued` leads to the page with the codes, `TwoFactorActivated` to the success page."
        ),
    ),
]

AcknowledgeBackupCodesResult: TypeAlias = Annotated[
    results.TwoFactorActivated | errors.OtpNotConfirmed | errors.ActivationExpired,
    strawberry.union(
        "AcknowledgeBackupCodesResult",
        description="The end of an activation. With anything but `TwoFactorActivated`, 2FA is still off.",
    ),
]

RegenerateBackupCodesResult: TypeAlias = Annotated[
    results.BackupCodesRegenerated
    | errors.WrongPassword
    | errors.TwoFactorNotActive
    | errors.BackupCodesDisabled
    | errors.TooManyAttempts,
    strawberry.union(
        "RegenerateBackupCodesResult",
        description="Whether there is a new set of backup codes. With any refusal the old set is good as before.",
    ),
]

DeactivateTwoFactorResult: TypeAlias = Annotated[
    results.TwoFactorDeactivated
    | errors.WrongPassword
    | errors.TwoFactorNotActive
    | errors.TwoFactorIsEnforced
    | errors.TooManyAttempts,
    strawberry.union(
        "DeactivateTwoFactorResult",
        description="Whether the viewer's 2FA is off. With any refusal it stands as it stood.",
    ),
]

AdminResetTwoFactorResult: TypeAlias = Annotated[
    results.TwoFactorReset
    | errors.WrongPassword
    | errors.UserNotFound
    | errors.TwoFactorNotActive
    | errors.CannotResetOwnTwoFactor
    | errors.TooManyAttempts,
    strawberry.union(
        "AdminResetTwoFactorResult",
        description="Whether the other user's 2FA is off. `WrongPassword` speaks of the admin's own password.",
    ),
]

UpdateSecurityPolicyResult: TypeAlias = Annotated[
    results.SecurityPolicyUpdated | errors.WrongPassword | errors.TooManyAttempts,
    strawberry.union(
        "UpdateSecurityPolicyResult",
        description="Whether the rules are in force. With any refusal none of them changed.",
    ),
]

ChangePasswordResult: TypeAlias = Annotated[
    results.PasswordChanged | errors.WrongPassword | errors.PasswordTooWeak | errors.TooManyAttempts,
    strawberry.union(
        "ChangePasswordResult",
        description=(
            "Which password holds now. `WrongPassword` speaks of the current one, `PasswordTooWeak` of the new one."
        ),
    ),
]

RevokeSessionResult: TypeAlias = Annotated[
    results.SessionRevoked | errors.SessionNotFound,
    strawberry.union(
        "RevokeSessionResult",
        description="Either way the session is not in use any more, so both may take it from the screen.",
    ),
]
