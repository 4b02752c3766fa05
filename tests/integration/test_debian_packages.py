"""Packages are fetched by the real apt, here from a small repository on disk, into a private folder, whole or not at
all."""

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.apt_repository import AptRepository
from watchword import debian_packages
from watchword.debian_packages import Bundle
from watchword.private_apt import PackagesUnavailable
from watchword.processes import ServerProgramMissing

SMALL = Bundle(
    "small",
    (("small-server-2", "small-server"),),
    optional=(("small-extra",), ("small-never-packaged",)),
    programs=("usr/bin",),
    built_in_paths=(("usr/bin/small-server", "/usr/share/small"),),
)
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AptRepository:
    repository = AptRepository(tmp_path / "repository")
    monkeypatch.setenv("APT_CONFIG", str(repository.configuration_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(debian_packages, "BUNDLES", {"small": SMALL})
    repository.add("libsmall1", {"usr/lib/x86_64-linux-gnu/libsmall.so": b"library"})
    repository.add("small-tools", {"usr/bin/small-tool": b"tool"})
    repository.add("small-extra", {"usr/share/small/extra": b"extra"})
    return repository


@pytest.fixture
def small_server(repository: AptRepository) -> Callable[[], None]:
    def add() -> None:
        files = {"usr/bin/small-server": b"#!/bin/sh\ncat /usr/share/small", "usr/share/doc/small/README": b"long"}
        repository.add("small-server", files, depends="libsmall1, small-tools")

    return add


def test_packages_are_unpacked_with_their_libraries_and_without_their_tools(small_server: Callable[[], None]) -> None:
    small_server()
    debian_packages.fetch(["small"])

    root = debian_packages.bundle_folder("small")
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {
        "complete.json",
        "usr/bin/small-server",
        "usr/lib/x86_64-linux-gnu/libsmall.so",
        "usr/share/small/extra",
    }
    found = debian_packages.find_program("small", "small-server")
    assert (found.root, found.path) == (root, root / "usr/bin/small-server")
    assert debian_packages.library_environment(root) == {"LD_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu")}


def test_paths_built_into_a_program_become_relative_to_its_working_folder(small_server: Callable[[], None]) -> None:
    small_server()
    debian_packages.fetch(["small"])
    program = debian_packages.find_program("small", "small-server").path
    assert program.read_text() == "#!/bin/sh\ncat usr/share/small/"


def test_what_is_there_is_not_fetched_again(
    small_server: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small_server()
    debian_packages.fetch(["small"])
    assert "Fetching small: small-server, small-extra, libsmall1" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "/nowhere")
    debian_packages.fetch(["small"])
    assert capsys.readouterr().err == ""


def test_bundle_made_of_other_packages_is_fetched_anew(
    small_server: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_server()
    debian_packages.fetch(["small"])
    without_extra = Bundle("small", SMALL.packages, programs=SMALL.programs)
    monkeypatch.setattr(debian_packages, "BUNDLES", {"small": without_extra})
    assert not debian_packages.is_fetched("small")
    debian_packages.fetch(["small"])
    assert debian_packages.is_fetched("small")
    assert not (debian_packages.bundle_folder("small") / "usr/share/small").exists()


def test_package_that_the_sources_lack_is_named_and_nothing_is_left_half_there(repository: AptRepository) -> None:
    with pytest.raises(PackagesUnavailable, match=r"have no small-server-2 or small-server, .*universe"):
        debian_packages.fetch(["small"])
    assert not debian_packages.is_fetched("small")


def test_broken_source_does_not_hide_the_others(
    repository: AptRepository, small_server: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    small_server()
    with (repository.folder / "sources.list").open("a") as sources:
        sources.write("deb copy:/nowhere ./\n")
    debian_packages.fetch(["small"])
    assert "could not read all of its sources" in capsys.readouterr().err
    assert debian_packages.is_fetched("small")


def test_damaged_package_is_refused_with_what_apt_said(
    repository: AptRepository, small_server: Callable[[], None]
) -> None:
    small_server()
    (repository.folder / "small-server_9999_all.deb").write_bytes(b"damaged")
    with pytest.raises(PackagesUnavailable, match=r"(?s)download small-server.*failed.*small-server_9999_all\.deb"):
        debian_packages.fetch(["small"])
    assert not debian_packages.is_fetched("small")


def test_system_without_apt_is_told_what_to_install(repository: AptRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PackagesUnavailable, match=r"no apt-get.*put on PATH: small"):
        debian_packages.fetch(["small"])


def test_program_on_path_is_taken_when_nothing_was_fetched(
    repository: AptRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ServerProgramMissing, match=r"no small-server on this machine.*debian_packages small`"):
        debian_packages.find_program("small", "small-server")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "small-server").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = debian_packages.find_program("small", "small-server")
    assert (found.root, found.path) == (Path("/"), tmp_path / "bin" / "small-server")
    assert debian_packages.library_environment(found.root) == {}


def fetch_small(results: "multiprocessing.Queue[bool]") -> None:
    debian_packages.fetch(["small"])
    results.put(debian_packages.is_fetched("small"))


def test_processes_that_fetch_at_once_wait_for_each_other(
    small_server: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    small_server()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=fetch_small, args=(results,)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == [True] * 3
    for process in processes:
        process.join()
    assert capfd.readouterr().err.count("Unpacked small") == 1


def test_command_line_needs_nothing_but_python() -> None:
    # `make` runs it before there is an environment.
    program = "import sys; sys.path.insert(0, '.'); from watchword.debian_packages import main; main(['--help'])"
    command = [sys.executable, "-I", "-S", "-c", program]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "no root needed" in answer.stdout


def test_unknown_bundle_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        debian_packages.main(["oracle"])
    listed = "alertmanager, prometheus, mariadb, postgresql, nats-server, faketime, pip"
    assert f"there is no oracle; there are {listed}" in capsys.readouterr().err
