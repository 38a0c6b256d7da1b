"""Changes to the contract: what breaks or endangers clients is announced in the changelog."""

import re
import subprocess
from pathlib import Path

import pytest
from graphql import (
    BreakingChange,
    DangerousChange,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

from tests.contract.elements import served

ROOT = Path(__file__).parents[2]


def unannounced(before: GraphQLSchema, after: GraphQLSchema, changelog: str) -> list[str]:
    """The changes that can hurt a client and that the Unreleased section does not repeat, each as a sentence."""
    section = re.search(
        r"^## \[?Unreleased\]?.*?$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL | re.IGNORECASE
    )
    announced = " ".join(section[1].replace("`", "").split()) if section else ""
    changes: list[BreakingChange | DangerousChange] = [
        *find_breaking_changes(before, after),
        *find_dangerous_changes(before, after),
    ]
    return [change.description for change in changes if change.description not in announced]


def git(*arguments: str) -> str | None:
    """What git answers here; None where there is no git, no history, or no such thing in it."""
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607  # whichever git there is
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


@pytest.mark.parametrize("base", ["the last commit", "the last release"])
def test_what_can_hurt_a_client_is_announced(base: str) -> None:
    """Each such change since then stands in CHANGELOG.md under Unreleased, in the sentence that this test asks for."""
    revision = "HEAD" if base == "the last commit" else (git("describe", "--tags", "--abbrev=0") or "").strip()
    before = git("show", f"{revision}:./schema.graphql") if revision else None
    if before is None:
        pytest.skip(f"{base} is not in the history here, or has no schema.graphql")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert unannounced(build_schema(before), served(), changelog) == []


BEFORE = build_schema("type Query { a: String, b: String } enum Kind { ONE }")
AFTER = build_schema("type Query { b: String } enum Kind { ONE, TWO }")


@pytest.mark.parametrize(
    ("changelog", "expected"),
    [
        ("", ["Field Query.a was removed.", "Enum value Kind.TWO was added."]),
        ("## [Unreleased]\n\n- Field `Query.a` was\n  removed.\n", ["Enum value Kind.TWO was added."]),
        ("## Unreleased\n\n- Field Query.a was removed.\n- Enum value Kind.TWO was added. Show it by name.\n", []),
        (
            "## [Unreleased]\n\n## [1.0.0]\n\n- Field Query.a was removed.\n- Enum value Kind.TWO was added.\n",
            ["Field Query.a was removed.", "Enum value Kind.TWO was added."],
        ),
    ],
    ids=["not at all", "one of two", "both", "under an earlier release"],
)
def test_only_the_unreleased_section_announces(changelog: str, expected: list[str]) -> None:
    """A change is announced by its own sentence, marked up and broken as one likes, under Unreleased."""
    assert unannounced(BEFORE, AFTER, changelog) == expected


def test_what_is_added_safely_needs_no_announcement() -> None:
    """A new field hurts nobody."""
    assert (
        unannounced(BEFORE, build_schema("type Query { a: String, b: String, c: String } enum Kind { ONE }"), "") == []
    )
