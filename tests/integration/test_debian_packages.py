"""Packages are fetched by the real apt, here from a small repository on disk, into a private folder, whole or not at
all."""

import gzip
import hashlib
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from watchword import debian_packages
from watchword.debian_packages import Bundle, PackagesUnavailable
from watchword.processes import ServerProgramMissing

SMALL = Bundle(
    "small",
    (("small-server-2", "small-server"),),
    optional=(("small-extra",), ("small-never-packaged",)),
    programs=("usr/bin",),
    built_in_paths=(("usr/bin/small-server", "/usr/share/small"),),
)
PROJECT = Path(__file__).parents[2]


class Repository:
    """A folder that apt takes for a package source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.write_index()

    def add(self, name: str, files: dict[str, str], depends: str = "") -> None:
        tree = self.folder / f"{name}.tree"
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(content)
            (tree / path).chmod(0o755)
        (tree / "DEBIAN").mkdir(parents=True)
        control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Tests <tests@example.com>\n"
        control += f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN" / "control").write_text(control + "Description: small\n")
        file = self.folder / f"{name}_1.0_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, file], check=True, capture_output=True)
        stanza = f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\n"
        stanza += f"SHA256: {hashlib.sha256(file.read_bytes()).hexdigest()}\nDescription: small\n\n"
        (self.folder / f"{name}.stanza").write_text(stanza)
        self.write_index()

    def write_index(self) -> None:
        index = "".join(file.read_text() for file in sorted(self.folder.glob("*.stanza")))
        (self.folder / "Packages").write_text(index)
        (self.folder / "Packages.gz").write_bytes(gzip.compress(index.encode()))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    repository = Repository(tmp_path / "repository")
    sources = tmp_path / "sources.list"
    sources.write_text(f"deb [trusted=yes] copy:{repository.folder} ./\n")
    configuration = tmp_path / "apt.conf"
    configuration.write_text(f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "-";\n')
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(debian_packages, "BUNDLES", {"small": SMALL})
    repository.add("libsmall1", {"usr/lib/x86_64-linux-gnu/libsmall.so": "library"})
    repository.add("small-tools", {"usr/bin/small-tool": "tool"})
    repository.add("small-extra", {"usr/share/small/extra": "extra"})
    return repository


@pytest.fixture
def small_server(repository: Repository) -> Callable[[], None]:
    def add() -> None:
        files = {"usr/bin/small-server": "#!/bin/sh\ncat /usr/share/small", "usr/share/doc/small/README": "long"}
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


def test_package_that_the_sources_lack_is_named_and_nothing_is_left_half_there(repository: Repository) -> None:
    with pytest.raises(PackagesUnavailable, match=r"have no small-server-2 or small-server\. .*universe"):
        debian_packages.fetch(["small"])
    assert not debian_packages.is_fetched("small")


def test_damaged_package_is_refused_with_what_apt_said(
    repository: Repository, small_server: Callable[[], None]
) -> None:
    small_server()
    (repository.folder / "small-server_1.0_all.deb").write_bytes(b"damaged")
    with pytest.raises(PackagesUnavailable, match=r"(?s)download small-server.*failed.*small-server_1\.0_all\.deb"):
        debian_packages.fetch(["small"])
    assert not debian_packages.is_fetched("small")


def test_system_without_apt_is_told_what_to_install(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PackagesUnavailable, match=r"no apt-get.*put on PATH: small"):
        debian_packages.fetch(["small"])


def test_program_on_path_is_taken_when_nothing_was_fetched(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
    assert "there is no oracle; there are alertmanager, prometheus, mariadb, postgresql, pip" in capsys.readouterr().err
