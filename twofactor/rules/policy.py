"""The numbers of the product, each with its reason."""

from datetime import timedelta

# RFC 4226 §4 R6 recommends a shared secret of 160 bits.
SEED_BYTES = 20
# The one combination that every common authenticator app supports (RFC 6238 §4, Key URI Format).
OTP_DIGITS = 6
OTP_PERIOD_S = 30
# RFC 6238 §5.2 recommends at most one time step for the delay of the network and the drift of clocks.
OTP_DRIFT_STEPS = 1

# The help page promises ten codes of ten characters. Crockford's base32 makes that 50 bits a code: more than the 20 of
# NIST SP 800-63B §3.1.2.1, less than the 112 from which ASVS 6.5.2 lets a fast hash do. Hence the slow hash below.
BACKUP_CODES_A_SET = 10
BACKUP_CODE_LENGTH = 10
# At two or fewer, a letter says that codes run out.
FEW_BACKUP_CODES = 2

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, two passes, one lane.
ARGON2_MEMORY_KIB = 19_456
ARGON2_PASSES = 2
ARGON2_LANES = 1
# ASVS 6.5.2 asks for a salt of at least 32 bits.
SALT_BYTES = 16

# ASVS 11.5.1 and 7.2.3 ask for 128 bits; twice that costs nothing.
TOKEN_BYTES = 32

# Long enough to install an app and write down ten codes, short enough for a seed that lies on a screen.
ACTIVATION_LIFETIME = timedelta(minutes=10)
# ASVS 6.6.2 and NIST SP 800-63B §3.1.3: an authentication that waits lives for minutes. Waits do not lengthen it.
CHALLENGE_LIFETIME = timedelta(minutes=5)
# Nobody signs in in this many tabs at once, and it takes the right password to get this far. The oldest give way.
CHALLENGES_AN_ACCOUNT = 100
# NIST SP 800-63B §2.1.3 (AAL1: 30 days). ASVS 7.3.1, 7.3.2.
SESSION_LIFETIME = timedelta(days=30)
SESSION_IDLE_LIFETIME = timedelta(days=7)
# `lastSeenAt` is exact to within this much, so that reading need not write.
LAST_SEEN_PRECISION = timedelta(minutes=1)

# How far a server's clock may be set back, or be behind another's, without anybody noticing. What lies further ahead
# was written by a clock that was wrong, and is not believed: else a jump forward and back would keep a session good, or
# a wait going, for as long as the jump was.
CLOCK_SLACK = timedelta(hours=1)

# After this many failures in a row each further attempt has to wait, twice as long each time (RFC 4226 §7.3).
FREE_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
# NIST SP 800-63B §3.2.2: at most 100 consecutive failures on one account, then the factor stops.
SECOND_FACTOR_FAILURES_ALLOWED = 100
# Confirming has a limit of its own: the seed is new, so nothing is lost by starting again.
CONFIRM_ATTEMPTS = 5
# ASVS 6.3.5 wants suspicious attempts told; more than one letter a day would teach people not to read them.
WARNING_INTERVAL = timedelta(days=1)

# A refused sign-in is told at the next of these ticks after it was asked for. Reading, locking and recording a row that
# is there takes a fraction of a millisecond longer than one that is not (ASVS 6.3.8).
REFUSAL_TICK_S = 0.05

# NIST SP 800-63B §3.1.1.2 asks for 15 characters where the password stands alone and 8 beside a second factor; the
# second factor is optional here, so the middle. The upper bound keeps one hash cheap (ASVS 6.2.9: 64 at least).
PASSWORD_MIN_LENGTH = 12
PASSWORD_MAX_LENGTH = 256
# RFC 5321 §4.5.3.1.3, less the angle brackets.
EMAIL_MAX_LENGTH = 254
NAME_MAX_LENGTH = 200
# As names are ordered and searched: casefolding makes at most three characters of one.
NAME_KEY_MAX_LENGTH = 600
# No token, code or id of ours is longer; whatever is, is refused before anything else looks at it.
TOKEN_MAX_LENGTH = 128
REASON_MAX_LENGTH = 500
USER_AGENT_MAX_LENGTH = 500
SEARCH_MAX_LENGTH = 200

# The largest page of a list.
PAGE_MAX = 100

# How long what is over is kept before it is cleared away.
SENT_LETTERS_KEPT = timedelta(days=30)
IDLE_PASSWORD_BUDGETS_KEPT = timedelta(days=1)
EVENTS_OF_NOBODY_KEPT = timedelta(days=30)
