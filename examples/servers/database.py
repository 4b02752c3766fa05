"""What is a started database to the demo and the tests? An address, a login, the authority of its certificate, and the
means to stop, kill and restart it. How each kind is set up is left to the module of that kind.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from watchword.processes import LOCALHOST, ServerProcess


@dataclass(frozen=True)
class DatabaseServer:
    """One running database on 127.0.0.1."""

    engine: str
    """Watchword's name of the engine: postgresql, mysql or mongodb."""
    process: ServerProcess
    folder: Path
    """Everything of this server: data, configuration, log, sockets."""
    user: str
    password: str | None = None
    database: str = ""
    authority_path: Path | None = None
    """The certificate of the authority that signed the server's own; None without TLS."""

    @property
    def host(self) -> str:
        """Always 127.0.0.1."""
        return LOCALHOST

    @property
    def port(self) -> int:
        """The TCP port; the same after a restart."""
        return self.process.port

    @property
    def dsn(self) -> str:
        """The address as a URL, with the login of the server's own administrator."""
        login = quote(self.user) + ("" if self.password is None else f":{quote(self.password)}")
        return f"{self.engine}://{login}{'@' if login else ''}{self.host}:{self.port}/{self.database}"

    def restart(self) -> None:
        """Stop it and start it again on its port and its data."""
        self.process.restart()

    def kill(self) -> None:
        """End it at once, as a crash would; ``restart`` brings it back."""
        self.process.kill()
