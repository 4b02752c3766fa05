"""Where a checker gets the secrets of a target: ``resolve`` turns the references of an inventory into a ``Login``. It
guarantees that an inventory, whoever wrote it, reaches nothing but variables named ``WATCHWORD_SECRET_…`` and ordinary
files that really lie below the one configured folder; and that no error shows what a secret contains. When a secret is
read, and how it is used, is for others.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from services.checker.engines.protocol import Login
from services.checker.errors import SecretUnavailable
from shared.targets import SECRET_VARIABLE_PREFIX, SecretReference, Target

LARGEST_SECRET_BYTES = 64 * 1024


def resolve(
    target: Target, secrets_folder: Path | None, environment: Mapping[str, str], private: Mapping[str, str]
) -> Login:
    """Return the login of a target with everything that its references name.

    ``private`` has the passwords that never left this process, by the target's name: those that ``watchword up`` read
    in clear. They win over a reference. Raises ``SecretUnavailable``.
    """
    return Login(
        target=target,
        password=_password(target, secrets_folder, environment, private),
        ca_file=_tls_file(target, "ca_file", target.tls.ca_file, secrets_folder),
        cert_file=_tls_file(target, "cert_file", target.tls.cert_file, secrets_folder),
        key_file=_tls_file(target, "key_file", target.tls.key_file, secrets_folder),
    )


def _password(
    target: Target, secrets_folder: Path | None, environment: Mapping[str, str], private: Mapping[str, str]
) -> str | None:
    if target.name in private:
        return private[target.name]
    reference: SecretReference | None = target.password
    if reference is None:
        return None
    if reference.env is not None:
        return _variable(target, reference.env, environment)
    return _text(target, reference.file or "", secrets_folder)


def _variable(target: Target, name: str, environment: Mapping[str, str]) -> str:
    # The model of a reference refuses other names too; this room does not rely on who made the reference.
    if not name.startswith(SECRET_VARIABLE_PREFIX):
        message = f"password of {target.name}: a checker only reads variables named {SECRET_VARIABLE_PREFIX}…"
        raise SecretUnavailable(message)
    value = environment.get(name, "")
    if not value:
        message = f"password of {target.name}: the variable {name} is not set on this checker; set it and restart it"
        raise SecretUnavailable(message)
    return value


def _text(target: Target, relative: str, secrets_folder: Path | None) -> str:
    what = f"password of {target.name}"
    path = _below_the_folder(what, relative, secrets_folder)
    content = _content(what, relative, path)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:
        message = f"{what}: the file {relative} is not UTF-8 text; write the password into it as plain text"
        raise SecretUnavailable(message)
    password = text.removesuffix("\n").removesuffix("\r")
    if not password:
        message = f"{what}: the file {relative} is empty; write the password into it, or remove the reference"
        raise SecretUnavailable(message)
    return password


def _tls_file(target: Target, which: str, relative: str | None, secrets_folder: Path | None) -> Path | None:
    if relative is None:
        return None
    what = f"tls.{which} of {target.name}"
    path = _below_the_folder(what, relative, secrets_folder)
    _content(what, relative, path)
    return path


def _below_the_folder(what: str, relative: str, secrets_folder: Path | None) -> Path:
    """Return where a file really is. Symlinks may lead anywhere below the folder: Kubernetes mounts secrets so."""
    if secrets_folder is None:
        message = f"{what}: it is in the file {relative}, and this checker was started without a secrets folder"
        raise SecretUnavailable(message)
    try:
        folder = secrets_folder.resolve(strict=True)
        path = (folder / relative).resolve(strict=True)
    except FileNotFoundError:
        message = f"{what}: there is no file {relative} below {secrets_folder} on this checker; mount or write it"
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: symlinks in a circle, until Python 3.13
        message = f"{what}: {relative} below {secrets_folder} can't be opened ({_reason(error)})"
    else:
        if path.is_relative_to(folder) and path != folder:
            return path
        message = f"{what}: {relative} leads out of {secrets_folder}; a checker reads no file elsewhere"
    raise SecretUnavailable(message)


def _content(what: str, relative: str, path: Path) -> bytes:
    try:
        # The path is resolved, so nothing of it is a link unless somebody exchanged it meanwhile: then it is refused.
        # Without O_NONBLOCK a FIFO would hold the checker until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        message = f"{what}: the file {relative} can't be read ({_reason(error)}); let the checker's user read it"
        failure = SecretUnavailable(message)
    else:
        try:
            return _ordinary_content(what, relative, descriptor)
        finally:
            os.close(descriptor)
    raise failure


def _ordinary_content(what: str, relative: str, descriptor: int) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        message = f"{what}: {relative} is not an ordinary file"
        raise SecretUnavailable(message)
    content = b""
    while len(content) <= LARGEST_SECRET_BYTES and (more := os.read(descriptor, LARGEST_SECRET_BYTES)):
        content += more
    if len(content) > LARGEST_SECRET_BYTES:
        message = f"{what}: the file {relative} is larger than {LARGEST_SECRET_BYTES} bytes; is it the right one?"
        raise SecretUnavailable(message)
    return content


def _reason(error: Exception) -> str:
    """Return what the system says without the path: links' true places are not for whoever reads alerts."""
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
