"""What can go wrong while a checker looks at one target. Every one of these becomes an ``error`` result; its text is
what the person on call reads, so it says what happened and what to do, and never contains a password.

    TargetError
    ├── Unreachable        nothing answers at the address, or what answers is not this engine
    ├── LoginRefused       the server answers, and refuses the account
    ├── SecretUnavailable  the checker can't resolve a password or a TLS file
    ├── QueryFailed        the server refused or broke one query
    │   ├── PrivilegeMissing     …for lack of a privilege; the text has the GRANT that would fix it
    │   ├── QueryTimeout         …because it took too long
    │   ├── ResultTooLarge       …more rows or bytes than a checker takes
    │   ├── QueryRefused         …not sent at all: it could write, or is not on the list
    │   └── SomeDatabasesFailed  …in some of the databases it was sent to; has the rows of the others
    ├── NotHere            can't be asked here (no metrics source, no ClickHouse): the check is ``skipped``
    └── ScriptFailed       the script of a check broke, ran too long or took too much memory
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.errors import WatchwordError

if TYPE_CHECKING:
    from services.checker.engines.protocol import Rows


class TargetError(WatchwordError):
    """The root of everything that becomes an ``error`` result."""


class Unreachable(TargetError):
    """Nothing answers at the target's address, or it does not speak the engine's protocol."""


class LoginRefused(TargetError):
    """The server refuses the account: wrong password, no such user, no entry in its access rules."""


class SecretUnavailable(TargetError):
    """A secret reference points to nothing that this checker has."""


class QueryFailed(TargetError):
    """The server refused or broke one query; other queries on the connection may go on."""


class PrivilegeMissing(QueryFailed):
    """The account lacks a privilege."""


class QueryTimeout(QueryFailed):
    """A statement ran into its time limit."""


class ResultTooLarge(QueryFailed):
    """A result has more rows or bytes than a checker takes."""


class QueryRefused(QueryFailed):
    """A query was not sent: it is not a single read-only statement, or not on the list of commands."""


class SomeDatabasesFailed(QueryFailed):
    """A query for all databases worked in some of them only.

    ``documents`` has the rows of those where it worked, so that whoever runs the check can show what is known;
    ``failures`` says for each of the others why. The text names them.
    """

    def __init__(self, documents: "Mapping[str, Rows]", failures: Mapping[str, TargetError]) -> None:
        self.documents = documents
        self.failures = failures
        some = [f"{database}: {failure}" for database, failure in sorted(failures.items())]
        shown = "; ".join(some[:3]) + (f"; and {len(some) - 3} more" if len(some) > 3 else "")
        super().__init__(f"failed in {len(failures)} of {len(failures) + len(documents)} databases: {shown}")


class NotHere(TargetError):
    """The query can't be answered here by design; the check does not apply."""


class ScriptFailed(TargetError):
    """A check's script raised, returned something else than findings, or ran into its limits."""
