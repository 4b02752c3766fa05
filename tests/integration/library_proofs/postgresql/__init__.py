"""The proofs of the checks of PostgreSQL, on 18 and, where TLS is needed, on 15."""

from tests.integration.library_proofs.postgresql import (
    access,
    extensions,
    logs,
    objects,
    replication,
    roles,
    settings,
    transport,
    versions,
)
from tests.integration.library_proofs.postgresql.servers import start_shared
from tests.integration.library_proofs.proof import Documented, Live

__all__ = ["PROOFS", "start_shared"]

PROOFS: tuple[Live | Documented, ...] = (
    *access.PROOFS,
    *roles.PROOFS,
    *objects.PROOFS,
    *extensions.PROOFS,
    *transport.PROOFS,
    *logs.PROOFS,
    *settings.PROOFS,
    *replication.PROOFS,
    *versions.PROOFS,
)
