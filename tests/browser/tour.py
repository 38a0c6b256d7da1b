"""A tour of every page in every state that looks different, for whoever wants to look at each."""

from collections.abc import Callable
from datetime import timedelta

from tests.browser.site import PASSWORD, Person, Site
from tests.browser.visitor import Visitor

# Is called with the name of the page that the visitor is at.
Look = Callable[[str], None]


def tour(visitor: Visitor, site: Site, look: Look) -> None:
    """Visit them all."""
    company = site.company()
    people = [site.person(company, name) for name in ("Noor Jansen", "Sam Okafor", "Mia Lindqvist", "Luca Moretti")]
    for person in people[:2]:
        site.activate(person)
    admin = site.admin(company, "Ada Ferreira")
    activation(visitor, look, admin)
    account(visitor, look, admin)
    console(visitor, look, people)
    sign_in(visitor, site, look, admin)
    enforced(visitor, site, look)


def activation(visitor: Visitor, look: Look, person: Person) -> None:
    """From the first login to 2FA."""
    visitor.open("/login")
    visitor.sees_page("Log in to Northwind")
    look("login")
    visitor.gives_password(person, "not the password")
    visitor.is_refused("Password", "do not match")
    look("login-refused")
    visitor.logs_in(person)
    visitor.sees_page("Profile")
    look("profile")
    visitor.opens_security(person)
    look("security-inactive")
    visitor.follow("Activate 2FA")
    visitor.sees_page("Activate 2FA")
    look("activate-password")
    visitor.open("/account/security")
    visitor.sees_page("Security")
    visitor.begins_activation(person)
    look("activate-set-up")
    visitor.confirms(person)
    visitor.sees_page("Backup codes")
    look("activate-codes")
    visitor.page.get_by_label("I securely stored my backup codes.").check()
    visitor.press("Activate 2FA")
    visitor.is_told("2FA is active")
    look("security-active")
    visitor.letter(person.email, "Two-factor authentication is active")


def account(visitor: Visitor, look: Look, person: Person) -> None:
    """The other pages of one's own account."""
    visitor.open("/account/security/deactivate")
    visitor.sees_page("Deactivate 2FA")
    look("deactivate")
    visitor.open("/account/security/backup-codes")
    visitor.sees_page("Get new backup codes")
    look("regenerate-password")
    visitor.fill("Password", PASSWORD)
    visitor.press("Continue")
    visitor.sees_page("Backup codes")
    look("regenerate-codes")
    visitor.follow("Done")
    for name in ("Sessions", "Password", "Activity"):
        visitor.follow(person.name)
        visitor.follow(name)
        visitor.sees_page(name)
        look(name.lower())


def console(visitor: Visitor, look: Look, people: list[Person]) -> None:
    """The pages of an admin, and the mailbox."""
    for name in ("Users", "Events", "Policy"):
        visitor.follow(name)
        visitor.sees_page(name)
        look(name.lower())
    visitor.page.get_by_label("Everybody must have 2FA").check()
    visitor.page.get_by_label("Backup codes").uncheck()
    look("policy-preview")
    visitor.follow("Users")
    visitor.follow(people[0].name)
    visitor.sees_page(people[0].name)
    look("user-active")
    visitor.follow("All users")
    visitor.follow(people[2].name)
    visitor.sees_page(people[2].name)
    look("user-inactive")
    visitor.open("/mailbox")
    visitor.sees_page("Mailbox of the demo")
    visitor.page.get_by_role("article").first.get_by_text("As HTML").click()
    visitor.page.frame_locator("iframe").first.get_by_role("heading").first.wait_for()
    look("mailbox")


def sign_in(visitor: Visitor, site: Site, look: Look, person: Person) -> None:
    """The second step of signing in."""
    visitor.press("Log out")
    visitor.gives_password(person)
    visitor.sees_page("Confirm that it is you")
    look("verify-otp")
    assert person.authenticator
    visitor.fill("One-time password", person.authenticator.wrong_otp(site.clock()))
    visitor.press("Verify")
    visitor.is_refused("One-time password", "wrong")
    look("verify-refused")
    visitor.follow("Use a backup code instead")
    visitor.sees_page("Log in with a backup code")
    look("verify-backup-code")
    visitor.waits(timedelta(minutes=1))


def enforced(visitor: Visitor, site: Site, look: Look) -> None:
    """Where the company requires 2FA."""
    company = site.company()
    admin = site.admin(company, "Kofi Mensah")
    person = site.activate(site.person(company, "Jana Novak"))
    site.set_policy(admin, twoFactorEnforced=True)
    visitor.gives_password(admin)
    visitor.sees_page("Activate 2FA")
    look("activate-required")
    visitor.press("Log out")
    visitor.logs_in(person)
    visitor.opens_security(person)
    look("security-enforced")
