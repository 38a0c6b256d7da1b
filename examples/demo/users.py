"""The users of the demo, in two company accounts. The first start creates their passwords and stores them in a file."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from accounts import companies, users
from accounts.errors import UserNotFoundError
from accounts.password_strength import is_weak_password
from accounts.services import Services
from accounts.users import NewUser
from examples.demo.files import write_json
from models import Role

# For each company account: whether backup codes are on, and the names of its users. The first one is the admin.
COMPANIES = {
    "Maple": (True, ("Ada Lind", "Ben Okoro", "Chloé Martin", "Deniz Kaya")),
    "Harbour": (False, ("Emil Novak", "Fatou Diallo", "Grace Kim", "Hugo Weiß")),
}

CONSONANTS = "bdfghjklmnprstvz"
VOWELS = "aeiou"
# 3 words of 3 syllables, each one of 80, and a number from 10 to 99: about 63 bits.
WORDS = 3
SYLLABLES = 3


@dataclass(frozen=True)
class DemoUser:
    """A user of the demo, with the password in plain text."""

    email: str
    password: str = field(repr=False)
    role: str
    company: str
    name: str


def load_users(path: Path) -> tuple[list[DemoUser], bool]:
    """Read the users from the file. If it does not exist, create users with new passwords and write it.

    The file is written before anything else is created, so that the next start can finish an interrupted one.

    Returns:
        The users, and whether they are new.
    """
    if path.exists():
        return [DemoUser(**user) for user in json.loads(path.read_text(encoding="utf-8"))], False
    users = [
        DemoUser(
            email=f"{name.split()[0].lower().replace('é', 'e')}@{company.lower()}.example",
            password=make_password(),
            role=Role.ADMIN if name == names[0] else Role.MEMBER,
            company=company,
            name=name,
        )
        for company, (_, names) in COMPANIES.items()
        for name in names
    ]
    write_json(path, [asdict(user) for user in users])
    return users, True


async def create_missing(services: Services, demo_users: list[DemoUser], *, are_new: bool) -> None:
    """Create the company accounts and users that do not exist yet, for example after an interrupted start.

    If the passwords are new but a user exists, set the new password. This happens if the file of passwords was deleted
    and the database was not.
    """
    company_ids = {company.name: company.id for company in await companies.list_companies(services)}
    for name, (backup_codes_enabled, _) in COMPANIES.items():
        if name not in company_ids:
            company = await companies.create_company(services, name, backup_codes_enabled=backup_codes_enabled)
            company_ids[name] = company.id
    for demo_user in demo_users:
        try:
            user = await users.find_user_by_email(services, demo_user.email)
        except UserNotFoundError:
            new = NewUser(demo_user.email, demo_user.name, Role(demo_user.role), password=demo_user.password)
            await users.create_user(services, company_ids[demo_user.company], new)
        else:
            if are_new:
                await users.set_password(services, user.id, demo_user.password)


def make_password() -> str:
    """Return a random password that is easy to read aloud and is not too easy to guess."""
    while True:
        words = ("".join(_syllable() for _ in range(SYLLABLES)) for _ in range(WORDS))
        password = "-".join([*words, str(secrets.randbelow(90) + 10)])
        if not is_weak_password(password):
            return password


def _syllable() -> str:
    return secrets.choice(CONSONANTS) + secrets.choice(VOWELS)
