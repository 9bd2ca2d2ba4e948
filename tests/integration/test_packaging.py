"""What people install: the wheel, away from any checkout, and the Dockerfile's steps, in order, without Docker."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.result import json_schema
from tests.fake_slack import FakeSlack

ROOT = Path(__file__).resolve().parents[2]
KEPT = re.compile(r"^(PIP_(?!NO_INDEX$).+|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy|LANG|TMPDIR)$", re.IGNORECASE)
"""What of the environment reaches a clean one: the machine's pip configuration and its way to the network."""

SKIPPED_SOURCES = ("__pycache__", ".pyc")


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if KEPT.match(name)}
    configured = Path.home() / ".config" / "pip" / "pip.conf"
    if "PIP_CONFIG_FILE" not in kept and configured.is_file() and os.access(configured, os.R_OK):
        kept["PIP_CONFIG_FILE"] = str(configured)
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **kept, **more}


# --- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    ran = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return next(folder.glob("firstmate-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python or `firstmate` with the wheel's code in place of the checkout's, in an empty folder."""
    site, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        told = {"PYTHONPATH": str(site), "HOME": str(elsewhere), "COLUMNS": "120"}
        program = [str(site / "bin" / "firstmate")] if arguments[0] == "firstmate" else [sys.executable]
        return subprocess.run(
            [*program, *arguments[1:]],
            cwd=elsewhere,
            env=clean_environment(**told),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_wheel_holds_every_file_of_both_packages_the_runbooks_and_the_manifest(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    sources = [path for room in ("app", "graphs") for path in (ROOT / room).rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT).as_posix() for path in sources if not any(word in str(path) for word in SKIPPED_SOURCES)}
    assert wanted - held == set()
    assert {f"app/_runbooks/{path.name}" for path in (ROOT / "runbooks").glob("*.md")} - held == set()
    assert {"app/_manifest.yml", "app/policy/starter.yaml", "app/evaluation/triage-result.schema.json"} <= held
    assert any(name.startswith("app/demo/sources/") and name.endswith(".json") for name in held)
    assert {name.split("/")[0] for name in held} == {"app", "graphs", next(n for n in held if ".dist-info" in n).split("/")[0]}
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_the_shipped_schema_is_the_one_of_the_code() -> None:
    shipped = json.loads((ROOT / "app" / "evaluation" / "triage-result.schema.json").read_text())
    assert shipped == json_schema(), "write it anew from app.evaluation.result.json_schema()"


def test_the_installed_command_answers_away_from_the_checkout(
    installed: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    for arguments, expected in ((("triage", "--help"), "--case"), (("demo", "--list"), "pool "), (("policy", "--help"), "init")):
        ran = installed("firstmate", *arguments)
        assert (ran.returncode, expected in ran.stdout) == (0, True), ran.stdout + ran.stderr
    assert installed("firstmate", "manifest").stdout.strip() == (ROOT / "manifest.yml").read_text().strip()


def test_the_installed_package_brings_its_runbooks_policy_and_manifest(
    installed: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    script = """
import json, app, pathlib
from app.plugged import catalogue, load_runbooks
from app.policy.policy import load, starter
from app.settings import Settings
here = pathlib.Path(app.__file__).parent
print(json.dumps({"at": str(here), "runbooks": len(load_runbooks(Settings())), "empty": load(starter()).empty,
    "manifest": (here / "_manifest.yml").read_text(), "connectors": catalogue()["connectors_not_configured"]}))
"""
    ran = installed("python", "-c", script)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert not told["at"].startswith(str(ROOT))
    assert told["runbooks"] == len(list((ROOT / "runbooks").glob("*.md")))
    assert told["empty"] is True
    assert told["manifest"] == (ROOT / "manifest.yml").read_text()
    assert {"prometheus", "logfile", "git"} <= set(told["connectors"])


# --- the Dockerfile


@dataclass
class Image:
    """What a Dockerfile says, read line by line; anything this does not understand is an error."""

    steps: list[tuple[str, str]] = field(default_factory=list)  # in order: ENV, WORKDIR, COPY, RUN, USER
    settings: dict[str, str] = field(default_factory=dict)  # once: FROM, VOLUME, EXPOSE, HEALTHCHECK, ENTRYPOINT, CMD


def read_dockerfile(text: str) -> Image:
    image = Image()
    joined = re.sub(r"\\\n", "", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, rest = line.split(maxsplit=1)
        if word in ("ENV", "WORKDIR", "COPY", "RUN", "USER"):
            image.steps.append((word, rest))
        elif word in ("FROM", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
            assert word not in image.settings, f"{word} stands twice"
            image.settings[word] = rest
        else:
            raise AssertionError(f"unknown instruction: {line}")
    return image


IMAGE = read_dockerfile((ROOT / "Dockerfile").read_text())
FOLDERS = sorted({rest for word, rest in IMAGE.steps if word == "WORKDIR"})
USER = next(rest for word, rest in IMAGE.steps if word == "USER").split(":")[0]


def test_the_dockerfile_ends_as_somebody_else_than_root() -> None:
    assert IMAGE.steps[-1][0] == "USER"
    assert USER.isdigit()
    assert int(USER) >= 1000


def test_the_image_keeps_its_data_in_a_volume_and_answers_from_outside() -> None:
    env = dict(pair.split("=", 1) for word, rest in IMAGE.steps if word == "ENV" for pair in shlex.split(rest))
    assert env["FIRSTMATE_DATA_DIR"] == IMAGE.settings["VOLUME"]
    assert env["FIRSTMATE_HOST"] == "0.0.0.0"
    assert env["FIRSTMATE_PORT"] == IMAGE.settings["EXPOSE"]


def test_what_only_developers_need_leaves_the_image() -> None:
    dev = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    tools = {re.split(r"[\[>=<~]", each)[0] for each in dev}
    removed = set(re.search(r"pip uninstall (.*)", dict(IMAGE.steps[::-1])["RUN"]).group(1).split()) - {"--quiet", "--yes"}
    needed_to_build, needed_to_run = {"hatchling", "editables"}, {"psycopg", "procrastinate"}
    assert removed == tools - needed_to_build - needed_to_run


def test_dockerignore_lets_through_what_is_copied_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {name.removeprefix("./") for word, rest in IMAGE.steps if word == "COPY" for name in rest.split()[:-1]}
    assert let_through == copied


@dataclass
class Built:
    """The steps' outcome: a folder in place of the image's file system, a venv in place of its Python."""

    root: Path
    env: dict[str, str]
    user: int | None  # who the image runs as, where this process may choose

    def at(self, text: str) -> str:
        """`text` with the image's folders moved beneath the root."""
        return re.sub(rf"(?<![\w/.])({'|'.join(map(re.escape, FOLDERS))})(?![\w-])", rf"{self.root}\1", text)

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self.env, **options)

    def as_user(self) -> dict[str, Any]:
        return {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    """Every ENV, WORKDIR, COPY and RUN of the Dockerfile, in order; HOME, PATH and pip's configuration are all that is given."""
    root = Path(tempfile.mkdtemp(prefix="firstmate-image-"))
    root.chmod(0o755)
    try:
        python, user = _python()
        subprocess.run([python, "-m", "venv", str(root / "python")], check=True, timeout=120, env=clean_environment())
        path = f"{root / 'python' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        image = Built(root, clean_environment(PATH=path, HOME=str(root)), user)
        _run_steps(image)
        yield image
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run_steps(image: Built) -> None:
    workdir = image.root
    for word, rest in IMAGE.steps:
        if word == "ENV":
            image.env.update({key: image.at(value) for key, value in (pair.split("=", 1) for pair in shlex.split(rest))})
        elif word == "WORKDIR":
            workdir = Path(image.at(rest))
            workdir.mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            *names, target = rest.split()
            for name in names:
                _copy(ROOT / name, (workdir / target / Path(name).name) if target.endswith("/") else workdir / target)
        elif word == "RUN":
            command = image.at(rest) if image.user is not None else image.at(rest).replace(USER, str(os.getuid()))
            ran = image.run(["sh", "-c", command], cwd=workdir, timeout=240)
            assert ran.returncode == 0, f"RUN {rest}\n{ran.stdout}{ran.stderr}"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _python() -> tuple[str, int | None]:
    """An interpreter to make the stand-in from, and the user of the image where that user can run it."""
    own = str(getattr(sys, "_base_executable", sys.executable))
    if os.geteuid() != 0:
        return own, None
    probe = "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
    for candidate in (own, *(f"/usr/{place}/{name}" for place in ("local/bin", "bin") for name in ("python3", "python3.13"))):
        image = Built(Path("/"), clean_environment(HOME="/"), int(USER))
        try:
            if image.run([candidate, "-c", probe], cwd="/", timeout=30, **image.as_user()).returncode == 0:
                return candidate, int(USER)
        except OSError:
            continue
    return own, None


async def test_the_dockerfiles_steps_run_and_the_healthcheck_answers_for_serve(built: Built) -> None:
    """`serve` as the image starts it, against a workspace that stands in for Slack."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    async with FakeSlack() as slack:
        slack.user("U01ALICE")
        env = {
            **built.env,
            "FIRSTMATE_PORT": port,
            "FIRSTMATE_WEBHOOK_TOKEN": "0123456789abcdef0123",
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
        }
        said = built.root / "said"
        with said.open("wb") as writing:
            serve = await asyncio.create_subprocess_exec(
                str(built.root / "python" / "bin" / json.loads(IMAGE.settings["ENTRYPOINT"])[0]),
                *json.loads(IMAGE.settings["CMD"]),
                cwd=built.at(FOLDERS[0]),
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **built.as_user(),
            )
        try:
            for _ in range(120):
                if serve.returncode is not None or await _healthy(built, env):
                    break
                await asyncio.sleep(0.5)
            assert serve.returncode is None, said.read_text()
            assert await _healthy(built, env), said.read_text()
            ledger = Path(built.at(IMAGE.settings["VOLUME"])) / "inbox.sqlite"
            assert ledger.exists()
            assert stat.S_IMODE(ledger.parent.stat().st_mode) == 0o700
            assert ledger.stat().st_uid == (os.getuid() if built.user is None else built.user)
        finally:
            if serve.returncode is None:
                serve.send_signal(signal.SIGTERM)
            await asyncio.wait_for(serve.wait(), 30)
    assert serve.returncode == 0, said.read_text()
    assert not await _healthy(built, env)


async def _healthy(built: Built, env: dict[str, str]) -> bool:
    """The HEALTHCHECK's own command, as the image would run it."""
    command = json.loads(IMAGE.settings["HEALTHCHECK"].split(" CMD ", 1)[1])
    ran = await asyncio.create_subprocess_exec(
        str(built.root / "python" / "bin" / command[0]), *command[1:], env=env, stderr=subprocess.DEVNULL, **built.as_user()
    )
    return await asyncio.wait_for(ran.wait(), 30) == 0


def test_what_was_installed_runs_without_what_only_developers_need(built: Built) -> None:
    firstmate = str(built.root / "python" / "bin" / "firstmate")
    ran = built.run([firstmate, "--help"], cwd=built.at("/data"), timeout=60, **built.as_user())
    assert (ran.returncode, "serve" in ran.stdout) == (0, True), ran.stdout + ran.stderr
    imports = "import app.processes, app.web.server, app.slack.bolt, graphs.triage, psycopg, app.jobs.cluster"
    probe = f"{imports}, importlib.util; print(importlib.util.find_spec('pytest'))"
    ran = built.run([str(built.root / "python" / "bin" / "python"), "-c", probe], cwd="/", timeout=60, **built.as_user())
    assert (ran.returncode, ran.stdout.strip()) == (0, "None"), ran.stderr
