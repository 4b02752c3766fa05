"""The proofs of the checks of MySQL and MariaDB, on MariaDB; where MySQL differs, on its documented replies. A module
for each subject, as the checks are.
"""

from tests.integration.library_proofs.mysql import (
    authentication,
    logging,
    network,
    privileges,
    releases,
    replication,
    settings,
)
from tests.integration.library_proofs.mysql.servers import start_shared
from tests.integration.library_proofs.proof import Documented, Live

PROOFS: tuple[Live | Documented, ...] = (
    *authentication.PROOFS,
    *privileges.PROOFS,
    *network.PROOFS,
    *replication.PROOFS,
    *logging.PROOFS,
    *settings.PROOFS,
    *releases.PROOFS,
)

__all__ = ["PROOFS", "start_shared"]
