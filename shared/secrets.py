"""What does a secret's reference stand for on this machine? Either the value of a variable named ``WATCHWORD_SECRET_…``
or the content of an ordinary file that really lies below the one configured folder; nothing else is ever read, whoever
wrote the reference. It guarantees that no error shows what a secret contains. When a secret is read, and what it is
shown to, is for others.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from shared.errors import WatchwordError
from shared.targets import SECRET_VARIABLE_PREFIX, SecretReference

LARGEST_SECRET_BYTES = 64 * 1024


class SecretMissing(WatchwordError):
    """A reference to a secret stands for nothing that this process may read."""


def secret_value(
    what: str, reference: SecretReference, secrets_folder: Path | None, environment: Mapping[str, str]
) -> str:
    """Return the secret that a reference stands for. ``what`` says in errors which one it is: "the password of …".

    Raises ``SecretMissing``.
    """
    if reference.env is not None:
        return _of_variable(what, reference.env, environment)
    return _of_file(what, reference.file or "", secrets_folder)


def secret_file(what: str, relative: str, secrets_folder: Path | None) -> Path:
    """Return where a certificate or key really lies, for whoever reads it there. Raises ``SecretMissing``."""
    path = _located(what, relative, secrets_folder)
    _content(what, relative, path)
    return path


def _of_variable(what: str, name: str, environment: Mapping[str, str]) -> str:
    # The model of a reference refuses other names too; this room does not rely on who made the reference.
    if not name.startswith(SECRET_VARIABLE_PREFIX):
        message = f"{what}: only variables named {SECRET_VARIABLE_PREFIX}… are read, not {name}"
        raise SecretMissing(message)
    value = environment.get(name)
    if not value:
        message = f"{what}: the variable {name} is not set in this process; set it and start the process again"
        raise SecretMissing(message)
    return _alone(what, f"the variable {name}", value)


def _of_file(what: str, relative: str, secrets_folder: Path | None) -> str:
    content = _content(what, relative, _located(what, relative, secrets_folder))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = None
    if text is None:  # out of the handler: the error that was caught there shows the content
        message = f"{what}: the file {relative} is not UTF-8 text"
        raise SecretMissing(message)
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        message = f"{what}: the file {relative} is empty; write the secret alone into it"
        raise SecretMissing(message)
    return _alone(what, f"the file {relative}", secret)


def _alone(what: str, place: str, secret: str) -> str:
    if any(character < " " or character == "\x7f" for character in secret):
        message = f"{what}: {place} has control characters, such as a second line; write the secret alone into it"
        raise SecretMissing(message)
    return secret


def _located(what: str, relative: str, secrets_folder: Path | None) -> Path:
    """Return the true place of a file. Links (Kubernetes mounts secrets so) may lead anywhere below the folder."""
    if secrets_folder is None:
        message = f"{what}: it is in the file {relative}, but WATCHWORD_SECRETS_FOLDER is not set for this process"
        raise SecretMissing(message)
    try:
        folder = secrets_folder.resolve(strict=True)
        path = (folder / relative).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as broken:  # RuntimeError: links in a circle, before Python 3.13
        message = f"{what}: {relative} is not to be found below {secrets_folder} ({_reason(broken)})"
        raise SecretMissing(message) from None
    if path == folder or not path.is_relative_to(folder):
        message = f"{what}: {relative} leads out of {secrets_folder}, and nothing outside of it is read"
        raise SecretMissing(message)
    return path


def _content(what: str, relative: str, path: Path) -> bytes:
    try:
        # The path is resolved, so nothing of it is a link unless somebody exchanged it meanwhile: then it is refused.
        # Without O_NONBLOCK a FIFO would hold us until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as broken:
        message = f"{what}: the file {relative} can't be read ({_reason(broken)})"
        raise SecretMissing(message) from None
    # Asked before Python makes a file of it: that fails for a folder in a way of its own.
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        message = f"{what}: {relative} is not an ordinary file"
        raise SecretMissing(message)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(LARGEST_SECRET_BYTES + 1)
    if len(content) > LARGEST_SECRET_BYTES:
        message = f"{what}: the file {relative} has more than {LARGEST_SECRET_BYTES} bytes; is it the right one?"
        raise SecretMissing(message)
    return content


def _reason(error: Exception) -> str:
    """Return what the system says without the path: links' true places are not for whoever reads alerts."""
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
