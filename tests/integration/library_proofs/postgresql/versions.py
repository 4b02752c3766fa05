"""The proofs of end of life, on what the vendor documents: no old server is at hand."""

from tests.integration.library_proofs.proof import Documented

PROOFS = (
    Documented(
        "postgresql_end_of_life",
        source="https://www.postgresql.org/docs/release/13.23/, the last release of version 13",
        weak=[[{"version_number": 130023, "version": "13.23", "today": 20780}]],
        good=[[{"version_number": 180001, "version": "18.1", "today": 20780}]],
        severity="error",
        labels={"version": "13"},
    ),
    Documented(
        "postgresql_end_of_life",
        source="https://www.postgresql.org/docs/release/9.6.24/, the last release of version 9.6",
        weak=[[{"version_number": 90624, "version": "9.6.24", "today": 20780}]],
        good=[[{"version_number": 90624, "version": "9.6.24", "today": 18000}]],
        severity="error",
        labels={"version": "9.6"},
        case="two_part",
    ),
    Documented(
        "postgresql_end_of_life",
        source="https://www.postgresql.org/support/versioning/: version 14 until 2026-11-12, so 100 days before",
        weak=[[{"version_number": 140020, "version": "14.20", "today": 20669}]],
        good=[[{"version_number": 140020, "version": "14.20", "today": 20400}]],
        severity="notice",
        labels={"version": "14"},
        case="soon",
    ),
)
