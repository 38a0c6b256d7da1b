// Each operation selects `__typename`, the user errors whose fields the client shows, and the message of all other user errors.

import { graphql } from "./generated";

export const VIEWER = graphql(/* GraphQL */ `
  query Viewer {
    viewer {
      id
      name
      twoFactor {
        state
        enforced
        setupRequired
        backupCodesRemaining
      }
    }
  }
`);

export const LOGIN = graphql(/* GraphQL */ `
  mutation Login($email: String!, $password: String!, $transport: SessionTransport!) {
    login(email: $email, password: $password, transport: $transport) {
      __typename
      ... on LoggedIn {
        sessionToken
        viewer {
          id
          twoFactor {
            state
            setupRequired
          }
        }
      }
      ... on SecondFactorRequired {
        challengeToken
        expiresAt
        methods
      }
      ... on WrongEmailOrPassword {
        message
        retryAfterSeconds
      }
      ... on TooManyAttempts {
        message
        retryAfterSeconds
      }
      ... on UserError {
        message
      }
    }
  }
`);

export const VERIFY_LOGIN = graphql(/* GraphQL */ `
  mutation VerifyLogin($challengeToken: String!, $secondFactor: SecondFactorInput!) {
    verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
      __typename
      ... on LoggedIn {
        sessionToken
        viewer {
          id
          twoFactor {
            state
            backupCodesRemaining
          }
        }
      }
      ... on WrongSecondFactor {
        message
        attemptsRemaining
        retryAfterSeconds
      }
      ... on TooManyAttempts {
        message
        retryAfterSeconds
      }
      ... on UserError {
        message
      }
    }
  }
`);

export const START_ACTIVATION = graphql(/* GraphQL */ `
  mutation StartActivation($password: String!) {
    startTwoFactorActivation(password: $password) {
      __typename
      ... on TwoFactorActivation {
        activationId
        key
        otpauthUri
        expiresAt
        qrCode {
          svgDataUri
        }
      }
      ... on WrongPassword {
        message
        attemptsRemaining
        retryAfterSeconds
      }
      ... on TooManyAttempts {
        message
        retryAfterSeconds
      }
      ... on UserError {
        message
      }
    }
  }
`);

export const CONFIRM_OTP = graphql(/* GraphQL */ `
  mutation ConfirmOtp($activationId: ID!, $otp: String!) {
    confirmOtp(activationId: $activationId, otp: $otp) {
      __typename
      ... on BackupCodesIssued {
        activationId
        codes
        file {
          name
          mimeType
          content
        }
      }
      ... on TwoFactorActivated {
        viewer {
          id
          twoFactor {
            state
          }
        }
      }
      ... on WrongOtp {
        message
        attemptsRemaining
      }
      ... on TooManyAttempts {
        message
        retryAfterSeconds
      }
      ... on UserError {
        message
      }
    }
  }
`);

export const ACKNOWLEDGE_BACKUP_CODES = graphql(/* GraphQL */ `
  mutation AcknowledgeBackupCodes($activationId: ID!) {
    acknowledgeBackupCodes(activationId: $activationId) {
      __typename
      ... on TwoFactorActivated {
        viewer {
          id
          twoFactor {
            state
            backupCodesRemaining
          }
        }
      }
      ... on UserError {
        message
      }
    }
  }
`);

export const DEACTIVATE = graphql(/* GraphQL */ `
  mutation Deactivate($password: String!) {
    deactivateTwoFactor(password: $password) {
      __typename
      ... on TwoFactorDeactivated {
        viewer {
          id
          twoFactor {
            state
          }
        }
      }
      ... on WrongPassword {
        message
        attemptsRemaining
        retryAfterSeconds
      }
      ... on TwoFactorIsEnforced {
        message
      }
      ... on TooManyAttempts {
        message
        retryAfterSeconds
      }
      ... on UserError {
        message
      }
    }
  }
`);

export const LOGOUT = graphql(/* GraphQL */ `
  mutation Logout {
    logout {
      __typename
      sessionId
    }
  }
`);
