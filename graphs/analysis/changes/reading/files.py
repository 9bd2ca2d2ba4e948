"""What a path's name says the file is."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import re2

from graphs.analysis.changes.reading.tokens import extension

FileKind = Literal["code", "config", "schema", "dependency", "image", "docs", "test", "style", "build", "asset"]
_TEST = re2.compile(
    r"(^|/)(tests?|testdata|__tests__|specs?|fixtures|golden|e2e)(/|$)|_test\.|\.test\.|\.spec\.|(^|/)test_|Tests?\.(java|kt|cs)$"
)
_SPOKEN = re2.compile(r"(^|/)(locales?|i18n|l10n|translations?)/")
_BUILD = re2.compile(r"(^|/)\.(github|circleci|gitlab|buildkite)(/|[\w-]*\.ya?ml$)")


@lru_cache(maxsize=1 << 12)
def file_kind(path: str) -> FileKind:
    """What a path's name says the file is."""
    low = path.lower()
    name, ending = low.rsplit("/", 1)[-1], extension(low)
    if _TEST.search(path):
        return "test"
    if (
        ending in {"md", "rst", "adoc"}
        or name in {"codeowners", "license", "authors", "changelog", "notice"}
        or (ending == "txt" and "requirements" not in name and "constraints" not in name)
        or low.startswith(("docs/", "doc/"))
    ):
        return "docs"
    if ending in {"css", "scss", "less", "sass", "svg", "png", "jpg", "ico", "woff", "woff2"} or (
        ("/static/" in low and ending in {"html"})
        or (_SPOKEN.search(low) and ending in {"json", "yaml", "yml", "po", "properties"})
    ):
        return "style"
    if name in {"go.mod", "package.json", "cargo.toml", "pom.xml", "gemfile", "pyproject.toml", "pipfile", "composer.json"} or (
        "requirements" in name or "constraints" in name or name.startswith("build.gradle")
    ):
        return "dependency"
    if name in {
        "go.sum",
        "package-lock.json",
        "yarn.lock",
        "poetry.lock",
        "cargo.lock",
        "gemfile.lock",
        "pnpm-lock.yaml",
        "uv.lock",
    }:
        return "asset"
    if _BUILD.search(low) or name in {
        "makefile", "jenkinsfile", ".editorconfig", ".gitignore", ".dockerignore", ".pre-commit-config.yaml", ".gitlab-ci.yml"
    } or "lint" in name:  # fmt: skip
        return "build"
    if name.startswith("dockerfile") or ending == "dockerfile":
        return "image"
    if (
        ending in {"sql", "proto", "avsc", "graphql", "prisma", "xsd", "thrift"}
        or "migration" in low
        or "/migrate/" in low
        or "alembic/" in low
    ):
        return "schema"
    if (
        ending in {"yaml", "yml", "json", "toml", "ini", "cfg", "conf", "properties", "env", "tf", "hcl", "xml", "plist"}
        or name == ".env"
    ):
        return "config"
    return "code"


INERT: dict[FileKind, str] = {
    "docs": "documentation only",
    "test": "tests only",
    "style": "styling only",
    "build": "build and lint settings only",
    "asset": "generated files only",
}
