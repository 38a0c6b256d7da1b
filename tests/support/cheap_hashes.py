"""Give argon2 cheap parameters in this process. Import this module before any module that reads the parameters.

Tests compute tens of thousands of hashes. With the parameters of production these take a third of the time of all
tests. The algorithm, the formats and the order of the steps stay. Servers that tests start by the command of the
product use the parameters of production.
"""

from argon2 import PasswordHasher

from security import constants

PRODUCTION_MEMORY_KIB, PRODUCTION_PASSES = constants.ARGON2_MEMORY_KIB, constants.ARGON2_PASSES
PRODUCTION_HASHER = PasswordHasher(PRODUCTION_PASSES, PRODUCTION_MEMORY_KIB, constants.ARGON2_LANES)

constants.ARGON2_MEMORY_KIB = 64
constants.ARGON2_PASSES = 1
