"""Where a checker gets the secrets of a target: ``resolve`` turns the references of an inventory into a ``Login``. What
a reference may reach, whoever wrote it, is decided in ``shared.secrets``. When a secret is read, and how it is used, is
for others.
"""

from collections.abc import Mapping
from pathlib import Path

from services.checker.engines.protocol import Login
from services.checker.errors import SecretUnavailable
from shared.secrets import SecretMissing, secret_file, secret_value
from shared.targets import Target


def resolve(
    target: Target, secrets_folder: Path | None, environment: Mapping[str, str], private: Mapping[str, str]
) -> Login:
    """Return the login of a target with everything that its references name.

    ``private`` has the passwords that never left this process, by the target's name: those that ``watchword up`` read
    in clear. They win over a reference. Raises ``SecretUnavailable``.
    """

    def file(which: str, relative: str | None) -> Path | None:
        return secret_file(f"tls.{which} of {target.name}", relative, secrets_folder) if relative is not None else None

    password = private.get(target.name)
    try:
        if password is None and target.password is not None:
            password = secret_value(f"password of {target.name}", target.password, secrets_folder, environment)
        return Login(
            target=target,
            password=password,
            ca_file=file("ca_file", target.tls.ca_file),
            cert_file=file("cert_file", target.tls.cert_file),
            key_file=file("key_file", target.tls.key_file),
        )
    except SecretMissing as missing:
        raise SecretUnavailable(str(missing)) from None
