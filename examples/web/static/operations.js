/**
 * All GraphQL operations that the pages send. Each mutation selects `__typename`, the fields of user errors that the page
 * shows, and the message of all user errors with `... on UserError`. So the page has a text even for an error that is
 * added to the schema later.
 *
 * @typedef {import("./graphql.js").MutationResult} MutationResult
 * @typedef {"OTP" | "BACKUP_CODE"} SecondFactorMethod
 * @typedef {{ otp: string } | { backupCode: string } | null} SecondFactor
 *
 * @typedef {object} TwoFactor
 * @property {"ACTIVE" | "INACTIVE"} state
 * @property {boolean} enforced
 * @property {boolean} setupRequired
 * @property {string | null} setupRequiredFrom
 * @property {"AS_COMPANY" | "ENFORCED" | "EXEMPT" | null} enforcement
 * @property {string | null} exemptUntil
 * @property {string | null} activatedAt
 * @property {string | null} lastUsedAt
 * @property {number | null} backupCodesRemaining
 * @property {boolean} voucherNeeded
 *
 * @typedef {object} Company
 * @property {string} id
 * @property {string} name
 * @property {string} enforcedFor `NOBODY`, `ADMINS` or `EVERYBODY`
 * @property {string | null} enforceFrom
 * @property {boolean} backupCodesEnabled
 * @property {boolean} newDeviceEmails
 * @property {boolean} secondFactorForChanges
 * @property {boolean} resetsNeedVoucher
 *
 * @typedef {object} Viewer
 * @property {string} id
 * @property {string} email
 * @property {string} name
 * @property {"MEMBER" | "ADMIN"} role
 * @property {string} locale of emails, a BCP 47 tag
 * @property {Company} company
 * @property {TwoFactor} twoFactor
 *
 * @typedef {object} Account what admins see of the account of a user, besides the 2FA
 * @property {string} createdAt
 * @property {string | null} lastLoginAt
 * @property {boolean | null} enabled
 * @property {string | null} lockedUntil
 * @property {SecondFactorMethod[] | null} lockedSecondFactors
 * @property {Authenticator[] | null} authenticators
 * @property {number | null} sessionCount
 * @property {number | null} deviceCount
 *
 * @typedef {Viewer & Account} User
 *
 * @typedef {object} Authenticator
 * @property {string} id
 * @property {string | null} name
 * @property {string} createdAt
 * @property {string} lastUsedAt
 *
 * @typedef {object} Session
 * @property {string} id
 * @property {string} createdAt
 * @property {string} lastSeenAt
 * @property {string | null} ipAddress
 * @property {string | null} deviceName
 * @property {boolean} current
 * @property {SecondFactorMethod | null} secondFactor
 *
 * @typedef {object} KnownDevice
 * @property {string} id
 * @property {string | null} name
 * @property {string} firstSeenAt
 * @property {string} lastSeenAt
 * @property {boolean} current
 *
 * @typedef {object} SecurityEvent
 * @property {string} id
 * @property {string} kind
 * @property {string} occurredAt
 * @property {string | null} ipAddress
 * @property {string | null} deviceName
 * @property {string | null} note
 * @property {string | null} factor
 * @property {string | null} during
 * @property {{ field: string, from: string | null, to: string | null }[] | null} change
 * @property {{ id: string, name: string } | null} user
 * @property {{ id: string, name: string } | null} actor
 *
 * @typedef {{ enforcedFor: string, enforceFrom: string | null, secondFactorForChanges: boolean }} PolicyChange
 *
 * @typedef {object} PolicyImpact
 * @property {string} at
 * @property {number} usersToSetUp
 * @property {number} signedInUsersToSetUp
 * @property {number} adminsWhoCanAct
 * @property {boolean} viewerHasToSetUp
 * @property {{ nodes: { id: string, name: string, email: string }[], pageInfo: PageInfo }} users
 *
 * @typedef {{ hasNextPage: boolean, endCursor: string | null }} PageInfo
 * @typedef {{ nodes: SecurityEvent[], pageInfo: PageInfo }} SecurityEvents
 * @typedef {{ name: string, appStoreUrl: string, playStoreUrl: string }} AuthenticatorApp
 * @typedef {{
 *   search?: string, role?: string, twoFactor?: string, backupCodesRemainingAtMost?: number, enabled?: boolean,
 *   setupDue?: boolean, locked?: boolean,
 * }} UserFilter
 * @typedef {{
 *   active: number, inactive: number, fewBackupCodes: number | null, locked: number, setupDue: number, disabled: number,
 * }} Statistics
 * @typedef {{ userId?: string, kinds?: string[], since?: string, until?: string }} SecurityEventFilter
 */

/** @template Variables, Data @typedef {import("./graphql.js").Operation<Variables, Data>} Operation */

const TWO_FACTOR = `fragment TwoFactorParts on TwoFactor {
  state enforced setupRequired setupRequiredFrom enforcement exemptUntil activatedAt lastUsedAt backupCodesRemaining
  voucherNeeded
}`;
const VIEWER = `fragment ViewerParts on User {
  id email name role locale
  company { id name enforcedFor enforceFrom backupCodesEnabled newDeviceEmails secondFactorForChanges resetsNeedVoucher }
  twoFactor { ...TwoFactorParts }
}
${TWO_FACTOR}`;
const EVENTS = `fragment EventParts on SecurityEventConnection {
  nodes {
    id kind occurredAt ipAddress deviceName note factor during change { field from to }
    user { id name } actor { id name }
  }
  pageInfo { hasNextPage endCursor }
}`;
const STARTED_ACTIVATION = `... on TwoFactorActivation {
  activationId key otpauthUri issuer accountName expiresAt
  qrCode { svgDataUri }
}`;
const WAIT = "nextAttemptAt retryAfterSeconds";
const USER_ERRORS = `... on UserError { message } ... on TooManyAttempts { retryAt retryAfterSeconds }`;
const WRONG_PASSWORD = `... on WrongPassword { attemptsRemaining ${WAIT} }`;
const WRONG_SECOND_FACTOR = `... on WrongSecondFactor { attemptsRemaining ${WAIT} }`;

/**
 * Takes the name of the operation from its document.
 * @param {string} document
 * @returns {Operation<any, any>}
 */
function operation(document) {
  return { name: /(?:query|mutation) (\w+)/.exec(document)?.[1] ?? "", document };
}

/** @type {Operation<{}, { viewer: Viewer | null }>} */
export const GET_VIEWER = operation(`query GetViewer { viewer { ...ViewerParts } } ${VIEWER}`);

/** @typedef {{ id: string, name: string, email: string }} Admin */
/** @type {Operation<{}, { viewer: { id: string, company: { admins: { nodes: Admin[] } } } | null }>} */
export const GET_ADMINS = operation(`
  query GetAdmins { viewer { id company { id admins(first: 10) { nodes { id name email } } } } }`);

/** @type {Operation<{ email: string, password: string, transport: "COOKIE" | "TOKEN" }, { login: MutationResult }>} */
export const LOGIN = operation(`
  mutation Login($email: String!, $password: String!, $transport: SessionTransport!) {
    login(email: $email, password: $password, transport: $transport) {
      __typename
      ... on LoggedIn { sessionToken viewer { ...ViewerParts } }
      ... on SecondFactorRequired { challengeToken methods }
      ... on WrongEmailOrPassword { ${WAIT} }
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/**
 * @type {Operation<
 *   { challengeToken: string, secondFactor: { otp: string } | { backupCode: string } }, { verifyLogin: MutationResult }
 * >}
 */
export const VERIFY_LOGIN = operation(`
  mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
    verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
      __typename
      ... on LoggedIn { sessionToken viewer { ...ViewerParts } }
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/** @type {Operation<{}, { logout: { sessionId: string | null } }>} */
export const LOGOUT = operation(`mutation Logout { logout { __typename sessionId } }`);

/** @type {Operation<{}, { featureFlags: { backupCodes: boolean }, authenticatorApps: AuthenticatorApp[] }>} */
export const GET_ACTIVATION_PAGE = operation(`
  query GetActivationPage {
    featureFlags { backupCodes }
    authenticatorApps { name appStoreUrl playStoreUrl }
  }`);

/** @type {Operation<{ password: string, voucher: string | null }, { startTwoFactorActivation: MutationResult }>} */
export const START_ACTIVATION = operation(`
  mutation StartActivation($password: String!, $voucher: String) {
    startTwoFactorActivation(password: $password, voucher: $voucher) {
      __typename
      ${STARTED_ACTIVATION}
      ${WRONG_PASSWORD}
      ... on WrongVoucher { attemptsRemaining ${WAIT} }
      ${USER_ERRORS}
    }
  }`);

/** @type {Operation<{}, { viewer: { id: string, authenticators: Authenticator[] | null } | null }>} */
export const GET_AUTHENTICATORS = operation(`
  query GetAuthenticators { viewer { id authenticators { id name createdAt lastUsedAt } } }`);

/**
 * @type {Operation<
 *   { password: string, secondFactor: SecondFactor, name: string }, { addAuthenticator: MutationResult }
 * >}
 */
export const ADD_AUTHENTICATOR = operation(`
  mutation AddAuthenticator($password: String!, $secondFactor: SecondFactorInput!, $name: String!) {
    addAuthenticator(password: $password, secondFactor: $secondFactor, name: $name) {
      __typename
      ${STARTED_ACTIVATION}
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  }`);

/**
 * @type {Operation<
 *   { id: string, password: string, secondFactor: SecondFactor }, { removeAuthenticator: MutationResult }
 * >}
 */
export const REMOVE_AUTHENTICATOR = operation(`
  mutation RemoveAuthenticator($id: ID!, $password: String!, $secondFactor: SecondFactorInput) {
    removeAuthenticator(id: $id, password: $password, secondFactor: $secondFactor) {
      __typename
      ... on AuthenticatorRemoved { viewer { ...ViewerParts } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/**
 * @type {Operation<
 *   { password: string, secondFactor: SecondFactor }, { startAuthenticatorReplacement: MutationResult }
 * >}
 */
export const START_REPLACEMENT = operation(`
  mutation StartReplacement($password: String!, $secondFactor: SecondFactorInput!) {
    startAuthenticatorReplacement(password: $password, secondFactor: $secondFactor) {
      __typename
      ${STARTED_ACTIVATION}
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  }`);

/** @type {Operation<{ activationId: string, otp: string }, { confirmOtp: MutationResult }>} */
export const CONFIRM_OTP = operation(`
  mutation ConfirmOtp($activationId: ID!, $otp: String!) {
    confirmOtp(activationId: $activationId, otp: $otp, rotateSession: true) {
      __typename
      ... on BackupCodesIssued { activationId codes file { name mimeType content } }
      ... on TwoFactorActivated { sessionToken viewer { ...ViewerParts } }
      ... on AuthenticatorReplaced { sessionToken viewer { ...ViewerParts } }
      ... on AuthenticatorAdded { sessionToken viewer { ...ViewerParts } }
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/** @type {Operation<{ activationId: string }, { acknowledgeBackupCodes: MutationResult }>} */
export const ACKNOWLEDGE_BACKUP_CODES = operation(`
  mutation AcknowledgeBackupCodes($activationId: ID!) {
    acknowledgeBackupCodes(activationId: $activationId, rotateSession: true) {
      __typename
      ... on TwoFactorActivated { sessionToken viewer { ...ViewerParts } }
      ... on BackupCodesAcknowledged { viewer { ...ViewerParts } }
      ... on UserError { message }
    }
  } ${VIEWER}`);

/** @type {Operation<{ password: string, secondFactor: SecondFactor }, { regenerateBackupCodes: MutationResult }>} */
export const REGENERATE_BACKUP_CODES = operation(`
  mutation RegenerateBackupCodes($password: String!, $secondFactor: SecondFactorInput) {
    regenerateBackupCodes(password: $password, secondFactor: $secondFactor, untilAcknowledged: true) {
      __typename
      ... on BackupCodesRegenerated { activationId codes file { name mimeType content } viewer { ...ViewerParts } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/** @type {Operation<{ password: string, secondFactor: SecondFactor }, { deactivateTwoFactor: MutationResult }>} */
export const DEACTIVATE = operation(`
  mutation Deactivate($password: String!, $secondFactor: SecondFactorInput) {
    deactivateTwoFactor(password: $password, rotateSession: true, secondFactor: $secondFactor) {
      __typename
      ... on TwoFactorDeactivated { sessionToken viewer { ...ViewerParts } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/** @type {Operation<{ currentPassword: string, newPassword: string }, { changePassword: MutationResult }>} */
export const CHANGE_PASSWORD = operation(`
  mutation ChangePassword($currentPassword: String!, $newPassword: String!) {
    changePassword(currentPassword: $currentPassword, newPassword: $newPassword, rotateSession: true) {
      __typename
      ... on PasswordChanged { sessionToken }
      ${WRONG_PASSWORD}
      ${USER_ERRORS}
    }
  }`);

/** @type {Operation<{ name: string | null, locale: string | null }, { updateProfile: MutationResult }>} */
export const UPDATE_PROFILE = operation(`
  mutation UpdateProfile($name: String, $locale: String) {
    updateProfile(name: $name, locale: $locale) {
      __typename
      ... on ProfileUpdated { viewer { ...ViewerParts } }
      ... on UserError { message }
    }
  } ${VIEWER}`);

/** @type {Operation<{}, { viewer: { sessions: Session[], devices: KnownDevice[] | null } | null }>} */
export const GET_SESSIONS = operation(`
  query GetSessions {
    viewer {
      id
      sessions { id createdAt lastSeenAt ipAddress deviceName current secondFactor }
      devices { id name firstSeenAt lastSeenAt current }
    }
  }`);

/** @type {Operation<{ id: string }, { forgetDevice: MutationResult }>} */
export const FORGET_DEVICE = operation(`
  mutation ForgetDevice($id: ID!) {
    forgetDevice(id: $id) { __typename ... on UserError { message } }
  }`);

/** @type {Operation<{ id: string }, { revokeSession: MutationResult }>} */
export const REVOKE_SESSION = operation(`
  mutation RevokeSession($id: ID!) {
    revokeSession(id: $id) { __typename ... on UserError { message } }
  }`);

/** @type {Operation<{}, { revokeOtherSessions: MutationResult }>} */
export const REVOKE_OTHER_SESSIONS = operation(`mutation RevokeOtherSessions { revokeOtherSessions { __typename } }`);

/** @type {Operation<{ after: string | null }, { viewer: { securityEvents: SecurityEvents } | null }>} */
export const GET_OWN_EVENTS = operation(`
  query GetOwnEvents($after: String) {
    viewer { id securityEvents(first: 25, after: $after) { ...EventParts } }
  } ${EVENTS}`);

/**
 * @type {Operation<
 *   { filter: UserFilter, after: string | null, orderBy: string },
 *   { users: { nodes: User[], pageInfo: PageInfo, totalCount: number } }
 * >}
 */
export const GET_USERS = operation(`
  query GetUsers($filter: UserFilter, $after: String, $orderBy: UserOrder!) {
    users(first: 10, after: $after, filter: $filter, orderBy: $orderBy) {
      nodes {
        id email name role lastLoginAt enabled lockedUntil lockedSecondFactors
        twoFactor { ...TwoFactorParts }
      }
      pageInfo { hasNextPage endCursor }
      totalCount
    }
  } ${TWO_FACTOR}`);

/** @type {Operation<{}, { viewer: { id: string, company: { id: string, statistics: Statistics } } | null }>} */
export const GET_STATISTICS = operation(`
  query GetStatistics {
    viewer { id company { id statistics { active inactive fewBackupCodes locked setupDue disabled } } }
  }`);

/** @typedef {{ totalCount: number }} UserCount */
/** @type {Operation<{}, { active: UserCount, inactive: UserCount, fewCodes: UserCount }>} */
export const COUNT_USERS = operation(`
  query CountUsers {
    active: users(first: 1, filter: { twoFactor: ACTIVE, enabled: true }) { totalCount }
    inactive: users(first: 1, filter: { twoFactor: INACTIVE, enabled: true }) { totalCount }
    fewCodes: users(first: 1, filter: { backupCodesRemainingAtMost: 2, enabled: true }) { totalCount }
  }`);

/** @type {Operation<{ id: string }, { user: User & { securityEvents: SecurityEvents } | null }>} */
export const GET_USER = operation(`
  query GetUser($id: ID!) {
    user(id: $id) {
      id email name role createdAt lastLoginAt enabled lockedUntil lockedSecondFactors sessionCount deviceCount
      twoFactor { ...TwoFactorParts }
      authenticators { id name createdAt lastUsedAt }
      securityEvents(first: 10) { ...EventParts }
    }
  } ${TWO_FACTOR} ${EVENTS}`);

/**
 * @type {Operation<
 *   { userId: string, password: string, reason: string | null, secondFactor: SecondFactor },
 *   { adminResetTwoFactor: MutationResult }
 * >}
 */
export const RESET_TWO_FACTOR = operation(`
  mutation ResetTwoFactor($userId: ID!, $password: String!, $reason: String, $secondFactor: SecondFactorInput) {
    adminResetTwoFactor(userId: $userId, password: $password, reason: $reason, secondFactor: $secondFactor) {
      __typename
      ... on TwoFactorReset { voucher voucherExpiresAt user { id twoFactor { ...TwoFactorParts } } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${TWO_FACTOR}`);

/**
 * @type {Operation<
 *   { userId: string, password: string, secondFactor: SecondFactor }, { endUserSessions: MutationResult }
 * >}
 */
export const END_USER_SESSIONS = operation(`
  mutation EndUserSessions($userId: ID!, $password: String!, $secondFactor: SecondFactorInput) {
    endUserSessions(userId: $userId, password: $password, secondFactor: $secondFactor) {
      __typename
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  }`);

/** @type {Operation<{ change: PolicyChange, after: string | null }, { policyImpact: PolicyImpact }>} */
export const GET_POLICY_IMPACT = operation(`
  query GetPolicyImpact($change: PolicyChange!, $after: String) {
    policyImpact(change: $change) {
      at usersToSetUp signedInUsersToSetUp adminsWhoCanAct viewerHasToSetUp
      users(first: 10, after: $after) { nodes { id name email } pageInfo { hasNextPage endCursor } }
    }
  }`);

/**
 * @typedef {Pick<User, "id" | "name" | "role" | "enabled" | "lockedUntil" | "lockedSecondFactors">} UserState
 * @typedef {{ userId: string, password: string, secondFactor: SecondFactor }} ChangeOfUser
 */

/** @type {Operation<{ id: string }, { user: UserState | null }>} */
export const GET_USER_STATE = operation(`
  query GetUserState($id: ID!) {
    user(id: $id) { id name role enabled lockedUntil lockedSecondFactors }
  }`);

/** @type {Operation<ChangeOfUser, { unlockUser: MutationResult }>} */
export const UNLOCK_USER = operation(`
  mutation UnlockUser($userId: ID!, $password: String!, $secondFactor: SecondFactorInput) {
    unlockUser(userId: $userId, password: $password, secondFactor: $secondFactor) {
      __typename
      ... on UserUnlocked { viewer { ...ViewerParts } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/** @type {Operation<ChangeOfUser, { disableUser: MutationResult }>} */
export const DISABLE_USER = operation(`
  mutation DisableUser($userId: ID!, $password: String!, $secondFactor: SecondFactorInput) {
    disableUser(userId: $userId, password: $password, secondFactor: $secondFactor) {
      __typename
      ... on UserDisabled { viewer { ...ViewerParts } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/** @type {Operation<ChangeOfUser, { enableUser: MutationResult }>} */
export const ENABLE_USER = operation(`
  mutation EnableUser($userId: ID!, $password: String!, $secondFactor: SecondFactorInput) {
    enableUser(userId: $userId, password: $password, secondFactor: $secondFactor) {
      __typename
      ... on UserEnabled { viewer { ...ViewerParts } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/** @type {Operation<ChangeOfUser & { role: "MEMBER" | "ADMIN" }, { setUserRole: MutationResult }>} */
export const SET_USER_ROLE = operation(`
  mutation SetUserRole($userId: ID!, $role: Role!, $password: String!, $secondFactor: SecondFactorInput) {
    setUserRole(userId: $userId, role: $role, password: $password, secondFactor: $secondFactor) {
      __typename
      ... on UserRoleSet { viewer { ...ViewerParts } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${VIEWER}`);

/**
 * @type {Operation<
 *   {
 *     userId: string, password: string, enforcement: string, exemptUntil: string | null, secondFactor: SecondFactor,
 *   },
 *   { setUserEnforcement: MutationResult }
 * >}
 */
export const SET_USER_ENFORCEMENT = operation(`
  mutation SetUserEnforcement(
    $userId: ID!, $password: String!, $enforcement: UserEnforcement!, $exemptUntil: DateTime,
    $secondFactor: SecondFactorInput
  ) {
    setUserEnforcement(
      userId: $userId
      password: $password
      enforcement: $enforcement
      exemptUntil: $exemptUntil
      secondFactor: $secondFactor
    ) {
      __typename
      ... on UserEnforcementChanged { user { id twoFactor { ...TwoFactorParts } } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  } ${TWO_FACTOR}`);

/**
 * @type {Operation<
 *   {
 *     password: string, secondFactor: SecondFactor, enforcedFor: string, enforceFrom: string | null,
 *     backupCodesEnabled: boolean, newDeviceEmails: boolean, secondFactorForChanges: boolean, resetsNeedVoucher: boolean,
 *   },
 *   { updateSecurityPolicy: MutationResult }
 * >}
 */
export const UPDATE_POLICY = operation(`
  mutation UpdatePolicy(
    $password: String!, $enforcedFor: EnforcedFor, $enforceFrom: DateTime, $backupCodesEnabled: Boolean,
    $newDeviceEmails: Boolean, $secondFactorForChanges: Boolean, $resetsNeedVoucher: Boolean,
    $secondFactor: SecondFactorInput
  ) {
    updateSecurityPolicy(
      password: $password
      enforcedFor: $enforcedFor
      enforceFrom: $enforceFrom
      backupCodesEnabled: $backupCodesEnabled
      newDeviceEmails: $newDeviceEmails
      secondFactorForChanges: $secondFactorForChanges
      resetsNeedVoucher: $resetsNeedVoucher
      secondFactor: $secondFactor
    ) {
      __typename
      ... on SecurityPolicyUpdated { company { id } }
      ${WRONG_PASSWORD}
      ${WRONG_SECOND_FACTOR}
      ${USER_ERRORS}
    }
  }`);

/** @type {Operation<{ filter: SecurityEventFilter, after: string | null }, { securityEvents: SecurityEvents }>} */
export const GET_EVENTS = operation(`
  query GetEvents($filter: SecurityEventFilter, $after: String) {
    securityEvents(first: 25, after: $after, filter: $filter) { ...EventParts }
  } ${EVENTS}`);
