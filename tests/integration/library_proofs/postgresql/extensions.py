"""The proofs of what extensions and languages bring along, and of databases that were left behind."""

from tests.integration.library_proofs.proof import Live, statements

PROOFS = (
    Live(
        "postgresql_risky_extensions",
        statements("CREATE EXTENSION IF NOT EXISTS dblink"),
        severity="warning",
        labels={"database": "postgres", "extension": "dblink"},
        accepted="dblink",
    ),
    Live(
        "postgresql_risky_extensions",
        statements("CREATE EXTENSION IF NOT EXISTS file_fdw"),
        severity="notice",
        labels={"database": "postgres", "extension": "file_fdw"},
        case="files",
    ),
    Live(
        "postgresql_outdated_extensions",
        statements("DROP EXTENSION IF EXISTS hstore", "CREATE EXTENSION hstore VERSION '1.4'"),
        severity="notice",
        labels={"database": "postgres", "extension": "hstore"},
    ),
    Live(
        "postgresql_untrusted_languages",
        statements(
            'DROP LANGUAGE IF EXISTS "plan""yu"',
            'CREATE LANGUAGE "plan""yu" HANDLER plpgsql_call_handler VALIDATOR plpgsql_validator',
        ),
        severity="warning",
        labels={"database": "postgres", "language": 'plan"yu'},
        accepted='plan"yu',
    ),
    Live(
        "postgresql_sample_databases",
        statements('DROP DATABASE IF EXISTS "Pagila"', 'CREATE DATABASE "Pagila"'),
        severity="notice",
        labels={"database": "Pagila"},
        accepted="Pagila",
    ),
    Live(
        "postgresql_template_databases",
        statements(
            "UPDATE pg_database SET datistemplate = false WHERE datname = 'model'",
            "DROP DATABASE IF EXISTS model",
            "CREATE DATABASE model IS_TEMPLATE true",
        ),
        severity="warning",
        labels={"database": "model"},
        accepted="model",
    ),
)
