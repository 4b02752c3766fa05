"""The proofs of the checks of MongoDB: on a MongoDB-wire server, and, since that one shows no configuration of its
own, on the replies of mongod that the manual documents.
"""

from tests.integration.library_proofs.mongodb import authentication, leftovers, operation, privileges, transport
from tests.integration.library_proofs.mongodb.starts import start_shared
from tests.integration.library_proofs.proof import Documented, Live

__all__ = ["PROOFS", "start_shared"]

PROOFS: tuple[Live | Documented, ...] = (
    *authentication.PROOFS,
    *privileges.PROOFS,
    *transport.PROOFS,
    *operation.PROOFS,
    *leftovers.PROOFS,
)
