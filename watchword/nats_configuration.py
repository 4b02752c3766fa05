"""What does a NATS server have to be told so that every program has a user of its own? The file of users, made from
``shared.nats_users``, in which each password is a variable of the server's environment; and new passwords for them.
"""

import re
import secrets
from collections.abc import Sequence

from shared.errors import WatchwordError
from shared.nats_users import NatsUser

_HEAD = """\
# Written by `watchword nats-users`; change nothing here, make it anew. Each user has only the subjects that its work
# needs. A password is a variable of the NATS server's environment, never a value: the server does not start without it.
"""
_PASSWORD_BYTES = 24


class VariablesCollide(WatchwordError):
    """Two users would share a password's variable; rename one of the pools or engines."""


def password_variable(user: NatsUser) -> str:
    """Return the variable of the NATS server's environment that holds a user's password."""
    return f"WATCHWORD_NATS_{re.sub('[^A-Z0-9]', '_', user.name.upper())}_PASSWORD"


def users_file(users: Sequence[NatsUser]) -> str:
    """Return the file that a nats-server.conf includes. Raises ``VariablesCollide``."""
    variables = password_variables(users)
    blocks = "".join(_block(user, variable) for user, variable in zip(users, variables, strict=True))
    return f"{_HEAD}\nauthorization {{\n  users: [\n{blocks}  ]\n}}\n"


def password_variables(users: Sequence[NatsUser]) -> list[str]:
    """Return the variables of all users, in their order. Raises ``VariablesCollide``."""
    variables = [password_variable(user) for user in users]
    for variable in variables:
        if variables.count(variable) > 1:
            names = " and ".join(user.name for user in users if password_variable(user) == variable)
            message = f"the NATS users {names} would both have their password in {variable}; rename one of them"
            raise VariablesCollide(message)
    return variables


def new_passwords(users: Sequence[NatsUser]) -> str:
    """Return a line for each user with a new password, as an environment file holds them.

    A leading letter keeps the server from taking a password for a number.
    """
    return "".join(f"{variable}=w{secrets.token_hex(_PASSWORD_BYTES)}\n" for variable in password_variables(users))


def _block(user: NatsUser, variable: str) -> str:
    return (
        f"    # {user.about}\n"
        "    {\n"
        f'      user: "{user.name}"\n'
        f"      password: ${variable}\n"
        "      permissions: {\n"
        f"        publish: {{ allow: [\n{_listed(user.publish)}        ] }}\n"
        f"        subscribe: {{ allow: [\n{_listed(user.subscribe)}        ] }}\n"
        "      }\n"
        "    }\n"
    )


def _listed(subjects: Sequence[str]) -> str:
    return "".join(f'          "{subject}"\n' for subject in subjects)
