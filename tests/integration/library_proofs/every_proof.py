"""Which proofs of the built-in checks are there, and on which server is each made? Importing this starts none."""

from shared.checks import Engine
from tests.integration.library_proofs import mongodb, mysql, postgresql, versions
from tests.integration.library_proofs.lab import StartOf
from tests.integration.library_proofs.proof import Documented, Live

PROOFS: tuple[Live | Documented, ...] = (*postgresql.PROOFS, *mysql.PROOFS, *mongodb.PROOFS, *versions.PROOFS)
LIVE = [proof for proof in PROOFS if isinstance(proof, Live)]
DOCUMENTED = [proof for proof in PROOFS if isinstance(proof, Documented)]

SHARED: dict[Engine, StartOf] = {
    "postgresql": postgresql.start_shared(),
    "mysql": mysql.start_shared(),
    "mongodb": mongodb.start_shared(),
}
"""The server of each engine that its proofs share, unless one has a server of its own."""
