"""Visits every page in each state that looks different, to take screenshots and to check accessibility."""

from collections.abc import Callable
from datetime import timedelta

from tests.browser.page_object import Frontend
from tests.browser.site import Account, Site
from tests.support.users import PASSWORD

# Called with a name for the page that is shown.
Capture = Callable[[str], None]


def visit_all_pages(frontend: Frontend, site: Site, capture: Capture) -> None:
    """Visit all pages and call `capture` on each of them."""
    company = site.create_company()
    names = ("Noor Jansen", "Sam Okafor", "Mia Lindqvist", "Luca Moretti")
    members = [site.create_member(company, name) for name in names]
    for member in members[:2]:
        site.activate_two_factor(member)
    admin = site.create_admin(company, "Ada Ferreira")
    visit_activation(frontend, capture, admin)
    visit_account_pages(frontend, capture, admin)
    visit_admin_pages(frontend, capture, members)
    visit_user_actions(frontend, site, capture, members[3])
    visit_login_pages(frontend, site, capture, admin)
    visit_enforced_pages(frontend, site, capture)
    visit_voucher_pages(frontend, site, capture)


def visit_activation(frontend: Frontend, capture: Capture, account: Account) -> None:
    """Visit the pages from the first login to active 2FA."""
    frontend.open("/login")
    frontend.expect_page("Log in to Northwind")
    capture("login")
    frontend.submit_password(account, "not the password")
    frontend.expect_field_error("Password", "do not match")
    capture("login-error")
    frontend.log_in(account)
    frontend.expect_page("Profile")
    capture("profile")
    frontend.open_security_tab(account)
    capture("security-inactive")
    frontend.click_link("Activate 2FA")
    frontend.expect_page("Activate 2FA")
    capture("activate-password")
    frontend.open("/account/security")
    frontend.expect_page("Security")
    frontend.start_activation(account)
    capture("activate-set-up")
    frontend.submit_otp(account)
    frontend.expect_page("Backup codes")
    capture("activate-codes")
    frontend.acknowledge_backup_codes("Activate 2FA")
    frontend.expect_notification("2FA is active")
    capture("security-active")
    frontend.wait_for_email(account.email, "Two-factor authentication is active")


def visit_account_pages(frontend: Frontend, capture: Capture, account: Account) -> None:
    """Visit the other pages of the user's own account."""
    frontend.open("/account/security/new-device")
    frontend.expect_page("Set up a new device")
    capture("new-device")
    frontend.open("/account/security/another-device")
    frontend.expect_page("Add another device")
    capture("another-device")
    frontend.open("/account/security/deactivate")
    frontend.expect_page("Deactivate 2FA")
    capture("deactivate")
    frontend.open("/account/security/backup-codes")
    frontend.expect_page("Get new backup codes")
    capture("regenerate-password")
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Continue")
    frontend.expect_page("Backup codes")
    capture("regenerate-codes")
    frontend.acknowledge_backup_codes("Use the new codes")
    frontend.expect_notification("Your new backup codes are valid")
    for name in ("Sessions", "Password", "Activity"):
        frontend.click_link(account.name)
        frontend.click_link(name)
        frontend.expect_page(name)
        capture(name.lower())


def visit_admin_pages(frontend: Frontend, capture: Capture, members: list[Account]) -> None:
    """Visit the pages for admins, and the mailbox. The first member has 2FA, the third one has not."""
    for name in ("Users", "Events", "Policy"):
        frontend.click_link(name)
        frontend.expect_page(name)
        capture(name.lower())
    frontend.page.get_by_label("Who must have 2FA").select_option("EVERYBODY")
    frontend.page.get_by_label("Backup codes").uncheck()
    frontend.page.get_by_text("Who has to activate 2FA").click()
    capture("policy-preview")
    frontend.click_link("Users")
    frontend.click_link(members[0].name)
    frontend.expect_page(members[0].name)
    capture("user-active")
    frontend.open("/users?role=OWNER")
    frontend.expect_notification("Part of this address does not exist")
    capture("users-unknown-address")
    frontend.click_link(members[2].name)
    frontend.expect_page(members[2].name)
    capture("user-inactive")
    frontend.page.get_by_label("Rule for this user").select_option("EXEMPT")
    capture("user-exempt")
    frontend.open("/mailbox")
    frontend.expect_page("Mailbox of the demo")
    frontend.page.get_by_role("article").first.get_by_text("As HTML").click()
    frontend.page.frame_locator("iframe").first.get_by_role("heading").first.wait_for()
    capture("mailbox")


def visit_user_actions(frontend: Frontend, site: Site, capture: Capture, member: Account) -> None:
    """Visit the pages that change the account of a user, who is first locked and then disabled."""
    site.lock_login(member)
    user_path = f"/users/user_{member.user_id.hex}"
    frontend.open(user_path)
    frontend.expect_text("Login locked until")
    capture("user-locked")
    for path, heading in (
        ("unlock", "Unlock the login"),
        ("disable", "Disable the account"),
        ("promote", "Make this user an admin"),
    ):
        frontend.open(f"{user_path}/account/{path}")
        frontend.expect_page(heading)
        capture(f"user-{path}")
    site.disable(member)
    frontend.open(f"{user_path}/account/enable")
    frontend.expect_page("Enable the account")
    capture("user-enable")


def visit_login_pages(frontend: Frontend, site: Site, capture: Capture, account: Account) -> None:
    """Visit the pages of the second login step."""
    frontend.click_button("Log out")
    frontend.submit_password(account)
    frontend.expect_page("Confirm that it is you")
    capture("verify-otp")
    assert account.authenticator
    frontend.fill("One-time password", account.authenticator.wrong_otp(site.clock()))
    frontend.expect_field_error("One-time password", "wrong")
    capture("verify-error")
    answer = {"__typename": "TooManyAttempts", "message": "Too many attempts.", "retryAfterSeconds": 1800}
    frontend.page.route("**/graphql", lambda route: route.fulfill(json={"data": {"verifyLogin": answer}}))
    frontend.fill("One-time password", "123456")
    frontend.expect_text("Please wait 29:")
    frontend.page.unroute("**/graphql")
    capture("verify-waiting")
    frontend.click_link("Use a backup code instead")
    frontend.expect_page("Log in with a backup code")
    capture("verify-backup-code")
    frontend.advance_time(timedelta(minutes=1))


def visit_enforced_pages(frontend: Frontend, site: Site, capture: Capture) -> None:
    """Visit the pages that are different if the company requires 2FA."""
    company = site.create_company()
    admin = site.create_admin(company, "Kofi Mensah")
    member = site.activate_two_factor(site.create_member(company, "Jana Novak"))
    site.set_policy(admin, twoFactorEnforced=True)
    frontend.submit_password(admin)
    frontend.expect_page("Activate 2FA")
    capture("activate-required")
    frontend.click_button("Log out")
    frontend.log_in(member)
    frontend.open_security_tab(member)
    capture("security-enforced")
    frontend.click_button("Log out")
    exempt = site.create_member(company, "Noa Peretz")
    site.exempt(exempt, days=10)
    frontend.log_in(exempt)
    frontend.expect_text("2FA is required for your account. After that")
    capture("set-up-banner")


def visit_voucher_pages(frontend: Frontend, site: Site, capture: Capture) -> None:
    """Visit the page of a user who was reset with a voucher, and the activation that needs it."""
    company = site.create_company()
    admin = site.create_admin(company, "Ines Weber")
    member = site.activate_two_factor(site.create_member(company, "Emil Larsen"))
    site.set_rules(company, resets_need_voucher=True)
    frontend.click_button("Log out")
    frontend.log_in(admin)
    frontend.open(f"/users/user_{member.user_id.hex}")
    frontend.expect_page(member.name)
    frontend.fill("Your own password", PASSWORD)
    frontend.click_button("Reset 2FA")
    frontend.expect_text("It is shown only once.")
    capture("user-voucher")
    frontend.click_button("I have noted the voucher")
    frontend.expect_text("needs the voucher of the last reset")
    capture("user-voucher-needed")
    frontend.click_button("Log out")
    frontend.submit_password(member)
    frontend.open("/account/security/activate")
    frontend.expect_page("Activate 2FA")
    capture("activate-voucher")
