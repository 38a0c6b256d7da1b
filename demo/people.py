"""Who is in the demo: two company accounts, and passwords that are made on the first start and kept."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from demo.files import write_json
from models import Role
from twofactor import accounts
from twofactor.accounts import NewUser
from twofactor.environment import Environment
from twofactor.errors import UserNotFoundError
from twofactor.rules.identity import is_weak_password

# By company account: whether backup codes are on, and its people, the admin first.
COMPANIES = {
    "Maple": (True, ("Ada Lind", "Ben Okoro", "Chloé Martin", "Deniz Kaya")),
    "Harbour": (False, ("Emil Novak", "Fatou Diallo", "Grace Kim", "Hugo Weiß")),
}

CONSONANTS = "bdfghjklmnprstvz"
VOWELS = "aeiou"
# 3 words of 3 syllables out of 80, and two digits: some 63 bits.
WORDS = 3
SYLLABLES = 3


@dataclass(frozen=True)
class Person:
    """Somebody to sign in as."""

    email: str
    password: str = field(repr=False)
    role: str
    company: str
    name: str


def load_people(path: Path) -> tuple[list[Person], bool]:
    """The people of an earlier start, or new ones, kept in a file before anything else is made of them.

    Returns:
        The people, and whether they are new.
    """
    if path.exists():
        return [Person(**person) for person in json.loads(path.read_text(encoding="utf-8"))], False
    people = [
        Person(
            email=f"{name.split()[0].lower().replace('é', 'e')}@{company.lower()}.example",
            password=make_password(),
            role=Role.ADMIN if name == names[0] else Role.MEMBER,
            company=company,
            name=name,
        )
        for company, (_, names) in COMPANIES.items()
        for name in names
    ]
    write_json(path, [asdict(person) for person in people])
    return people, True


async def settle(env: Environment, people: list[Person], *, are_new: bool) -> None:
    """Make the company accounts and the people that are not there yet.

    A start that was broken off is finished by the next. Where the passwords are new and the database is not, it gets
    them.
    """
    companies = {company.name: company.id for company in await accounts.list_companies(env)}
    for name, (backup_codes_enabled, _) in COMPANIES.items():
        if name not in companies:
            company = await accounts.create_company(env, name, backup_codes_enabled=backup_codes_enabled)
            companies[name] = company.id
    for person in people:
        try:
            user = await accounts.find_user_by_email(env, person.email)
        except UserNotFoundError:
            new = NewUser(person.email, person.name, Role(person.role), password=person.password)
            await accounts.create_user(env, companies[person.company], new)
        else:
            if are_new:
                await accounts.set_password(env, user.id, person.password)


def make_password() -> str:
    """A password that can be read out, and that the rules take."""
    while True:
        words = ("".join(_syllable() for _ in range(SYLLABLES)) for _ in range(WORDS))
        password = "-".join([*words, str(secrets.randbelow(90) + 10)])
        if not is_weak_password(password):
            return password


def _syllable() -> str:
    return secrets.choice(CONSONANTS) + secrets.choice(VOWELS)
