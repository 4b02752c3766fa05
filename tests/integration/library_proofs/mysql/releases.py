"""Proofs: releases that get no more fixes, by what each product says of its version."""

from tests.integration.library_proofs.proof import Documented

PROOFS = (
    Documented(
        "mysql_end_of_life",
        source="https://dev.mysql.com/doc/relnotes/mysql/5.7/en/, release 5.7.44, as VERSION() says it",
        weak=[[{"version": "5.7.44-log", "today": 20780}]],
        good=[[{"version": "8.4.8", "today": 20780}]],
        severity="error",
        labels={"product": "MySQL", "version": "5.7"},
        case="mysql",
    ),
    Documented(
        "mysql_end_of_life",
        source="https://mariadb.org/about/#maintenance-policy, 10.6 until 2026-07-06, as VERSION() says it",
        weak=[[{"version": "10.6.24-MariaDB-ubu2204", "today": 20780}]],
        good=[[{"version": "10.11.19-MariaDB-0+deb12u1", "today": 20780}]],
        severity="error",
        labels={"product": "MariaDB", "version": "10.6"},
        case="mariadb",
    ),
    Documented(
        "mysql_end_of_life",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/AuroraMySQLReleaseNotes/, VERSION() of Aurora MySQL 3",
        weak=[[{"version": "8.0.mysql_aurora.3.04.0", "today": 20780}]],
        good=[[{"version": "8.0.mysql_aurora.3.04.0", "today": 20000}]],
        severity="error",
        labels={"product": "MySQL", "version": "8.0"},
        case="aurora",
    ),
    Documented(
        "mysql_end_of_life",
        source="https://mariadb.org/about/#maintenance-policy, 10.11 until 2028-02-16, as VERSION() says it",
        weak=[[{"version": "10.11.19-MariaDB-0+deb12u1", "today": 21184}]],
        good=[[{"version": "11.4.8-MariaDB", "today": 21184}]],
        severity="notice",
        labels={"product": "MariaDB", "version": "10.11"},
        case="soon",
    ),
)
