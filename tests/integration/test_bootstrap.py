"""`make` gets its environment from Python alone: with the uv of PATH, through pip, or through the distribution's wheel
of pip. The uv and pip of these tests only write down how they were called, so no network is needed."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import pytest

from tests.integration.apt_repository import AptRepository

PROJECT = Path(__file__).parents[2]
PYTHON = shutil.which("python3", path=os.defpath) or "/usr/bin/python3"

RECORDING_UV = f"""#!/bin/sh
[ "$1" = --version ] && {{ echo "uv 0"; exit; }}
echo "uv $*" >>"$CALLS"
if [ "$1" = venv ]; then
    for last; do :; done
    mkdir -p "$last/bin" && ln -s {PYTHON} "$last/bin/python"
fi
"""
# Its last argument but one is the folder for what it installs.
RECORDING_PIP = f"""
import os, pathlib, sys
with open(os.environ["CALLS"], "a") as calls:
    print("pip", *sys.argv[1:], file=calls)
program = pathlib.Path(sys.argv[-2], "bin", "uv")
program.parent.mkdir(parents=True)
program.write_text('''{RECORDING_UV}''')
program.chmod(0o755)
"""
PYTHON_WITHOUT_PIP = f"""#!/bin/sh
[ "$1 $2" = "-m pip" ] && exit 1
exec {PYTHON} "$@"
"""
MADE_WITH_UV = ["uv venv", "uv pip sync", "uv pip install"]

Setup = Callable[[Mapping[str, str]], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with what the setup reads, in a folder whose name has a space."""
    clone = tmp_path / "a clone"
    for folder in ("scripts", "watchword", "shared"):
        shutil.copytree(PROJECT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / file, clone / file)
    return clone


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """All of PATH: what every system has, and no Python, uv or apt."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "make", "dirname", "cat", "cmp", "head", "rm", "mkdir", "ln"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def setup(clone: Path, programs: Path, tmp_path: Path) -> Setup:
    def run(environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        plain = {"PATH": str(programs), "HOME": str(tmp_path), "CALLS": str(tmp_path / "calls"), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            ["make", "setup"], cwd=clone, env={**plain, **environment}, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[str]]:
    """What uv and pip were asked for since the last question, without the details."""

    def read() -> list[str]:
        file = tmp_path / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [" ".join(line.split()[: 3 if " pip " in line else 2]) for line in lines]

    return read


def add_program(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    (folder / name).chmod(0o755)


def test_uv_on_path_makes_the_environment_once(
    setup: Setup, calls: Callable[[], list[str]], programs: Path, clone: Path
) -> None:
    (programs / "python3").symlink_to(PYTHON)
    add_program(programs, "uv", RECORDING_UV)

    assert setup({}).returncode == 0
    assert calls() == MADE_WITH_UV
    assert setup({}).returncode == 0
    assert calls() == []

    with (clone / "requirements.lock").open("a") as lock:
        lock.write("# another\n")
    assert setup({}).returncode == 0
    assert calls() == ["uv pip sync", "uv pip install"]

    clone.rename(clone.with_name("moved"))
    shutil.copytree(clone.with_name("moved"), clone, symlinks=True)
    (clone / ".venv" / "made-of").write_text("/elsewhere\n")
    assert setup({}).returncode == 0
    assert calls() == MADE_WITH_UV


def test_uv_comes_through_the_wheel_of_pip_where_python_has_neither(
    setup: Setup, calls: Callable[[], list[str]], programs: Path, tmp_path: Path
) -> None:
    add_program(programs, "python3", PYTHON_WITHOUT_PIP)
    for name in ("apt-get", "apt-cache", "dpkg-deb", "tar"):
        (programs / name).symlink_to(shutil.which(name) or name)
    wheel = BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pip/__main__.py", RECORDING_PIP)
    repository = AptRepository(tmp_path / "repository")
    repository.add("python3-pip-whl", {"usr/share/python-wheels/pip-0-py3-none-any.whl": wheel.getvalue()})

    answer = setup({"APT_CONFIG": str(repository.configuration_path)})
    assert answer.returncode == 0, answer.stderr
    assert "fetching pip's wheel from the distribution, privately" in answer.stderr
    assert calls() == ["pip install", *MADE_WITH_UV]


def test_interrupted_setup_is_finished_by_the_next(
    setup: Setup, calls: Callable[[], list[str]], programs: Path
) -> None:
    (programs / "python3").symlink_to(PYTHON)
    add_program(programs, "uv", RECORDING_UV.replace('echo "uv', '[ "$2" = sync ] && exit 1\necho "uv'))
    assert setup({}).returncode != 0
    assert calls() == ["uv venv"]
    add_program(programs, "uv", RECORDING_UV)
    assert setup({}).returncode == 0
    assert calls() == ["uv pip sync", "uv pip install"]


def test_no_python_is_said_plainly(setup: Setup, programs: Path) -> None:
    add_program(programs, "python3", "#!/bin/sh\nexit 1\n")  # too old
    answer = setup({"PYTHON": str(programs / "python3")})
    assert answer.returncode == 2
    assert "is not a Python 3.11 or later" in answer.stderr


def test_nothing_to_get_uv_with_is_said_plainly(setup: Setup, programs: Path) -> None:
    add_program(programs, "python3", PYTHON_WITHOUT_PIP)
    answer = setup({})
    assert answer.returncode == 2
    assert "no pip, and there is no uv and no apt-get" in answer.stderr


def test_settings_of_pip_hold_for_uv(setup: Setup, programs: Path, tmp_path: Path) -> None:
    (programs / "python3").symlink_to(PYTHON)
    add_program(programs, "uv", RECORDING_UV + 'echo "$UV_DEFAULT_INDEX $SSL_CERT_FILE" >>"$CALLS"\n')
    setup({"PIP_INDEX_URL": "https://index.example", "PIP_CERT": "/company.pem"})
    assert "https://index.example /company.pem" in (tmp_path / "calls").read_text()


def test_settings_of_uv_win_over_those_of_pip(setup: Setup, programs: Path, tmp_path: Path) -> None:
    (programs / "python3").symlink_to(PYTHON)
    add_program(programs, "uv", RECORDING_UV + 'echo "$UV_DEFAULT_INDEX" >>"$CALLS"\n')
    setup({"PIP_INDEX_URL": "https://index.example", "UV_DEFAULT_INDEX": "https://ours.example"})
    assert "index.example" not in (tmp_path / "calls").read_text()
