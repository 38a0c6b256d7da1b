"""The numbers of the product, each with its source."""

from datetime import timedelta

# RFC 4226 §4 R6 recommends a shared secret of 160 bits.
TOTP_SECRET_BYTES = 20
# Every common authenticator app supports this combination, and some support no other (RFC 6238 §4, Key URI Format).
OTP_DIGITS = 6
OTP_PERIOD_S = 30
# RFC 6238 §5.2 recommends at most one time step of tolerance for network delay and clock drift.
OTP_DRIFT_STEPS = 1

# The help page promises ten codes of ten characters. In Crockford's base32 that is 50 bits a code. NIST SP 800-63B
# §3.1.2.1 asks for 20 bits or more. ASVS 6.5.2 allows a fast hash only from 112 bits, so the hash below is slow.
BACKUP_CODES_PER_SET = 10
BACKUP_CODE_LENGTH = 10
# If this many codes or fewer are left, the server sends an email.
FEW_BACKUP_CODES = 2

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, two passes, one lane.
ARGON2_MEMORY_KIB = 19_456
ARGON2_PASSES = 2
ARGON2_LANES = 1
# The cost of a hash that another system computed. The server computes it again at each login attempt, also at an
# attempt by a stranger.
IMPORTED_HASH_MAX_MEMORY_KIB = 256 * 1024
IMPORTED_HASH_MAX_PASSES = 10
IMPORTED_HASH_MAX_TOTAL_KIB = 1024 * 1024
# The width of the column.
PASSWORD_HASH_MAX_LENGTH = 255
# ASVS 6.5.2 asks for a salt of at least 32 bits.
SALT_BYTES = 16

# ASVS 11.5.1 and 7.2.3 ask for 128 bits. Twice that costs nothing.
TOKEN_BYTES = 32

# Long enough to install an app and write down ten codes. Short enough for a secret that is visible on a screen.
ACTIVATION_LIFETIME = timedelta(minutes=10)
# The user stores ten codes, as in an activation. Until then the old ones work, so nobody needs longer.
REPLACEMENT_LIFETIME = ACTIVATION_LIFETIME
# ASVS 6.6.2 and NIST SP 800-63B §3.1.3: an unfinished authentication is valid for minutes. Waits do not extend it.
CHALLENGE_LIFETIME = timedelta(minutes=5)
# ASVS 6.4.1: an activation code expires after a short time. Within a day, an admin reaches a user of another shift too.
VOUCHER_LIFETIME = timedelta(hours=24)
# No user signs in in this many tabs at once, and each challenge takes the right password. The server deletes the
# oldest.
CHALLENGES_PER_USER = 100
# NIST SP 800-63B §2.1.3 (AAL1: 30 days). ASVS 7.3.1, 7.3.2.
SESSION_LIFETIME = timedelta(days=30)
SESSION_IDLE_LIFETIME = timedelta(days=7)
# No user has that many devices. A new session ends the one that was unused for longest.
SESSIONS_PER_USER = 100
# The owner signs in again within this time (SESSION_LIFETIME) on every device in use.
KNOWN_DEVICE_IDLE_LIFETIME = timedelta(days=90)
# No user has that many devices. A new device forgets the one that was unused for longest.
KNOWN_DEVICES_PER_USER = 20
# A phone, a tablet, a computer, and two to spare. Each OTP is checked against all of them, so more would help a guess.
AUTHENTICATORS_PER_USER = 5
# Long enough for the model of a phone.
AUTHENTICATOR_NAME_MAX_LENGTH = 64
# How long a replaced session token works if the new one is not used: for lost answers and requests under way.
REPLACED_TOKEN_LIFETIME = timedelta(seconds=60)
# `lastSeenAt` may be this much too old, so that a read does not need a write.
LAST_SEEN_PRECISION = timedelta(minutes=1)

# The clock of a server may be set back by this much, or be this much behind the clock of another server. A row with a
# time further in the future comes from a wrong clock, and the server does not trust it. Otherwise a clock that jumps
# forward and back would keep a session valid, or a wait running, for the length of the jump.
CLOCK_SLACK = timedelta(hours=1)

# After this many failures in a row each attempt has to wait. The wait doubles each time (RFC 4226 §7.3).
FREE_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
# NIST SP 800-63B §3.2.2: at most 100 consecutive failures on one account. After that the factor is locked.
SECOND_FACTOR_FAILURES_ALLOWED = 100
# A known device is forgotten after this many failures in a row, of password and second factors together. So a stolen
# device token gives so many attempts.
DEVICE_FAILURES_ALLOWED = 5
# After this many wrong passwords in a row in a live session, the session ends.
REAUTHENTICATION_FAILURES_ALLOWED = 10
# `confirmOtp` has a limit of its own. The TOTP secret is new, so the user loses nothing by starting again.
CONFIRM_ATTEMPTS = 5
# A second click sends the same OTP while the first request still hashes the backup codes, which takes about a second.
# It waits this long for them, and then computes them: the process of the first request may have died.
DUPLICATE_WAIT_S = 2.0
# ASVS 6.3.5 asks to notify users of suspicious attempts. Strangers can cause these emails. More than one of a kind and
# three in all within this time would teach users to ignore them.
WARNING_INTERVAL = timedelta(days=1)
WARNINGS_PER_INTERVAL = 3

# How long before users have to use 2FA they get a reminder: in time for a holiday, for a normal week, and for the last
# day. Whole days.
SETUP_REMINDERS = (timedelta(days=14), timedelta(days=7), timedelta(days=1))
# An exemption from 2FA has to be renewed once a year, so that no forgotten one stays.
EXEMPTION_MAX = timedelta(days=366)

# Failed sign-ins are answered at a multiple of this interval, so that the response time reveals nothing. To read, lock
# and record a row that exists takes a fraction of a millisecond longer than one that does not (ASVS 6.3.8).
RESPONSE_PADDING_S = 0.05

# NIST SP 800-63B §3.1.1.2 asks for 15 characters if the password is the only factor, and for 8 with a second factor.
# The second factor is optional here, so this is a value in between. The maximum bounds the cost of one hash (ASVS 6.2.9
# asks for at least 64).
PASSWORD_MIN_LENGTH = 12
PASSWORD_MAX_LENGTH = 256
# The same password before it is normalised: one code point in NFC is at most four in NFD.
ENTERED_PASSWORD_MAX_LENGTH = 4 * PASSWORD_MAX_LENGTH
# RFC 5321 §4.5.3.1.3, without the angle brackets, and §4.5.3.1.1. Mail servers count bytes of UTF-8 (RFC 6531 §3.3).
EMAIL_MAX_LENGTH = 254
EMAIL_LOCAL_PART_MAX_BYTES = 64
NAME_MAX_LENGTH = 200
# The maximum length of a name in the form that is searched, and of its sort key. Case folding alone turns one character
# into three at most.
NAME_KEY_MAX_LENGTH = 600
# The width of the column: a name in this form, and an email in up to three spellings.
USER_SEARCH_KEY_MAX_LENGTH = 1400
REASON_MAX_LENGTH = 500
USER_AGENT_MAX_LENGTH = 500
SEARCH_MAX_LENGTH = 200

# How far in the future the date of an enforcement may be: a year, also a leap year. A date that is further away is
# probably a typing error.
ENFORCEMENT_MAX_NOTICE = timedelta(days=366)

# The largest page of a list.
PAGE_MAX = 100

# How long the cleanup keeps rows that are no longer needed.
SENT_EMAILS_KEPT = timedelta(days=30)
IDLE_PASSWORD_COUNTS_KEPT = timedelta(days=1)
UNKNOWN_EMAIL_EVENTS_KEPT = timedelta(days=30)
