"""The mailbox of the demo, which lists the emails that its mail server stored as files."""

import os
from email.message import EmailMessage
from pathlib import Path

from examples.demo.mailbox import Mailbox


def test_newest_email_is_first(tmp_path: Path) -> None:
    """The time of arrival decides, not the name of the file and not the order of writing."""
    for name, arrived_at in (("b", 2), ("c", 1), ("a", 3)):
        email = EmailMessage()
        email["Subject"] = f"arrived at {arrived_at}"
        email.set_content("Hello")
        path = tmp_path / f"{name}.eml"
        path.write_bytes(bytes(email))
        os.utime(path, ns=(arrived_at, arrived_at))

    emails = Mailbox(tmp_path).emails()

    assert [email.subject for email in emails] == ["arrived at 3", "arrived at 2", "arrived at 1"]
