"""Where does a throw-away server live, and as whom does it run? In a temporary folder of its own, removed when it has
ended. The demo's databases are weak on purpose, so they never run as root: started by root they run as ``nobody``, who
then gets a view of programs that only root could reach. Freshly initialised data folders are kept as templates,
since copying one is faster than making it.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from watchword.debian_packages import lock, system_folder
from watchword.processes import ServerError

UNPRIVILEGED_USER = "nobody"


def server_user() -> str | None:
    """The user to become, or None when we are not root anyhow."""
    return UNPRIVILEGED_USER if os.geteuid() == 0 else None


@contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """A new folder that the server's user may enter and write, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"watchword-{name}-"))
    try:
        give_to_server(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give_to_server(path: Path) -> None:
    """Hand a file, or a folder with all that is in it, to the server's user."""
    user = server_user()
    if user is None:
        return
    account = pwd.getpwnam(user)
    for each in (path, *path.rglob("*")):
        os.chown(each, account.pw_uid, account.pw_gid, follow_symlinks=False)


def reachable(root: Path, parts: Sequence[str], folder: Path) -> Path:
    """``root`` itself when the server's user can get to its ``parts``, else a view of them inside ``folder``.

    Root's home is closed to others, and the clone or the cache may be in there. The view consists of hard links
    where the file system allows, so it costs no space.
    """
    way = (*(root / part for part in parts), root, *root.parents)
    if server_user() is None or all(is_open_to_all(each) for each in way):
        return root
    view = folder / "programs"
    for part in parts:
        shutil.copytree(root / part, view / part, symlinks=True, copy_function=_link_or_copy)
    for each in (view, *view.rglob("*")):
        if each.is_dir() and not each.is_symlink():
            each.chmod(0o755)
    return view


def is_open_to_all(folder: Path) -> bool:
    """Whether every user may enter and list this folder."""
    return folder.stat().st_mode & 0o005 == 0o005


def run_as_server(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> str:
    """Run a program to its end as the server's user and return what it printed."""
    user = server_user()
    account = None if user is None else pwd.getpwnam(user)
    answer = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        user=None if account is None else account.pw_uid,
        group=None if account is None else account.pw_gid,
        extra_groups=None if account is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        said = (answer.stdout + answer.stderr).strip()
        raise ServerError(f"{command[0]} ended with exit code {answer.returncode}. It said:\n{said}")
    return answer.stdout


def from_template(key: str, initialise: Callable[[Path], None], target: Path) -> None:
    """Fill ``target`` with what ``initialise`` makes of an empty folder, or with the copy kept of it under ``key``."""
    template = system_folder() / "templates" / key
    if not template.exists():
        target.mkdir(mode=0o700)
        give_to_server(target)
        initialise(target)
        with lock():
            if not template.exists():
                partial = template.with_name(f"{template.name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(target, partial, symlinks=True)
                partial.rename(template)
        return
    shutil.copytree(template, target, symlinks=True)
    target.chmod(0o700)
    give_to_server(target)


def _link_or_copy(source: str, target: str) -> None:
    if Path(source).stat().st_mode & 0o004:
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(source, target)
    else:
        shutil.copy2(source, target)
        Path(target).chmod(Path(source).stat().st_mode | 0o055)
