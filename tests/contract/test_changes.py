"""Contract changes: the changelog announces each breaking or dangerous change."""

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

from schema.export import export_sdl

ROOT = Path(__file__).parents[2]


def unannounced(before: GraphQLSchema, after: GraphQLSchema, changelog: str) -> list[str]:
    """Return the description of each such change that the Unreleased section does not contain."""
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
    """Return the output of git, or None if git or the requested object is missing."""
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607  # the first git in PATH
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


@pytest.mark.parametrize("base", ["the last commit", "the last release"])
def test_changelog_announces_breaking_and_dangerous_changes(base: str) -> None:
    """CHANGELOG.md contains the sentence from the test failure under Unreleased."""
    revision = "HEAD" if base == "the last commit" else (git("describe", "--tags", "--abbrev=0") or "").strip()
    before = git("show", f"{revision}:./schema.graphql") if revision else None
    if before is None:
        pytest.skip(f"{base} is not in the history here, or has no schema.graphql")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    # Both from SDL, which has no directives of the specification.
    assert unannounced(build_schema(before), build_schema(export_sdl()), changelog) == []


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
def test_only_the_unreleased_section_counts(changelog: str, expected: list[str]) -> None:
    """Markup and line breaks inside the sentence are allowed."""
    assert unannounced(BEFORE, AFTER, changelog) == expected


def test_safe_addition_needs_no_announcement() -> None:
    """A new field does not break a client."""
    assert (
        unannounced(BEFORE, build_schema("type Query { a: String, b: String, c: String } enum Kind { ONE }"), "") == []
    )
