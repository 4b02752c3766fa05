"""A NATS server with a user for each kind of program, as ``watchword nats-users`` writes them; passwords as in
production, in the server's environment.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.nats_users import DEFAULT_POOL, NatsUser, users
from watchword.embedded import EmbeddedServer, NatsSettings, embedded_nats
from watchword.nats_configuration import new_passwords, password_variable, users_file


@dataclass(frozen=True)
class NatsWithUsers:
    """The server, its users by name, and their passwords."""

    server: EmbeddedServer
    users: dict[str, NatsUser]
    passwords: dict[str, str]

    def environment(self, name: str) -> dict[str, str]:
        """Return what a program of a user has in its environment."""
        return {
            "WATCHWORD_NATS_URL": self.server.url,
            "WATCHWORD_NATS_USER": name,
            "WATCHWORD_NATS_PASSWORD": self.passwords[name],
            "WATCHWORD_NATS_INBOX_PREFIX": self.users[name].inbox_prefix,
            "WATCHWORD_NATS_ADDRESSED_ONLY": "true",
        }


@contextlib.contextmanager
def nats_with_users(
    folder: Path, pools: Sequence[str] = (DEFAULT_POOL,), producers: Sequence[str] = (), more_configuration: str = ""
) -> Iterator[NatsWithUsers]:
    """Start a server on a free port."""
    named = users(pools, producers)
    variables = dict(line.split("=", 1) for line in new_passwords(named).splitlines())
    server = embedded_nats(NatsSettings(folder, port=0, extra_configuration=users_file(named) + more_configuration))
    server.process.plan = dataclasses.replace(server.process.plan, environment=variables)
    with server.process:
        yield NatsWithUsers(
            server,
            {user.name: user for user in named},
            {user.name: variables[password_variable(user)] for user in named},
        )
