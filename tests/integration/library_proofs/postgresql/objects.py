"""The proofs of what databases, schemas, tables and functions allow, and to whom."""

from tests.integration.library_proofs.proof import Live, statements

_PUBLIC = {"database": "postgres", "schema": "public"}
_DEFINER = "LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"

PROOFS = (
    Live(
        "postgresql_schema_create_for_public",
        statements("GRANT CREATE ON SCHEMA public TO PUBLIC"),
        severity="warning",
        labels=_PUBLIC,
    ),
    Live(
        "postgresql_schema_create_for_public",
        statements(
            'DROP SCHEMA IF EXISTS "sh""op"', 'CREATE SCHEMA "sh""op"', 'GRANT ALL ON SCHEMA "sh""op" TO PUBLIC'
        ),
        severity="warning",
        labels={**_PUBLIC, "schema": 'sh"op'},
        case="other_schema",
    ),
    Live(
        "postgresql_database_create_for_public",
        statements("GRANT CREATE ON DATABASE postgres TO PUBLIC"),
        severity="warning",
        labels={"database": "postgres"},
    ),
    Live(
        "postgresql_connect_for_public",
        statements(
            'DROP DATABASE IF EXISTS "sh""op"',
            "DROP DATABASE IF EXISTS books",
            'CREATE DATABASE "sh""op"',
            "CREATE DATABASE books",
        ),
        severity="notice",
        labels={"database": 'sh"op'},
        parameters={"accepted": ("books",)},
        accepted='sh"op',
    ),
    Live(
        "postgresql_table_privileges_for_public",
        statements(
            'DROP SCHEMA IF EXISTS "sa""les" CASCADE',
            'CREATE SCHEMA "sa""les"',
            'CREATE TABLE "sa""les".orders (id int)',
            'GRANT INSERT ON "sa""les".orders TO PUBLIC',
        ),
        severity="warning",
        labels={"database": "postgres", "schema": 'sa"les'},
        accepted='sa"les',
    ),
    Live(
        "postgresql_table_privileges_for_public",
        statements(
            "DROP SCHEMA IF EXISTS staff CASCADE",
            "CREATE SCHEMA staff",
            "CREATE TABLE staff.people (id int, salary int)",
            "GRANT SELECT (salary) ON staff.people TO PUBLIC",
        ),
        severity="notice",
        labels={"database": "postgres", "schema": "staff"},
        case="column",
    ),
    Live(
        "postgresql_grant_option_held",
        statements(
            'DROP SCHEMA IF EXISTS "li""st" CASCADE',
            "DROP ROLE IF EXISTS passer, friend",
            "CREATE ROLE passer",
            "CREATE ROLE friend",
            'CREATE SCHEMA "li""st"',
            'CREATE TABLE "li""st".items (id int)',
            'GRANT USAGE ON SCHEMA "li""st" TO passer WITH GRANT OPTION',
            'GRANT SELECT ON "li""st".items TO passer WITH GRANT OPTION',
            "SET ROLE passer",
            'GRANT SELECT ON "li""st".items TO friend',
        ),
        severity="notice",
        labels={"database": "postgres", "schema": 'li"st', "role": "passer"},
        accepted="passer",
    ),
    Live(
        "postgresql_default_privileges_for_public",
        statements(
            "DROP ROLE IF EXISTS maker",
            "CREATE ROLE maker",
            "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT UPDATE ON TABLES TO PUBLIC",
        ),
        severity="warning",
        labels={"database": "postgres", "role": "maker", "schema": "*", "objects": "TABLES"},
    ),
    Live(
        "postgresql_default_privileges_for_public",
        statements(
            'DROP SCHEMA IF EXISTS "la$$b" CASCADE',
            'CREATE SCHEMA "la$$b"',
            'ALTER DEFAULT PRIVILEGES IN SCHEMA "la$$b" GRANT SELECT ON SEQUENCES TO PUBLIC',
        ),
        severity="notice",
        labels={"database": "postgres", "role": "postgres", "schema": "la$$b", "objects": "SEQUENCES"},
        case="in_schema",
    ),
    Live(
        "postgresql_security_definer_search_path",
        statements(
            'DROP SCHEMA IF EXISTS "pa$$y" CASCADE',
            'CREATE SCHEMA "pa$$y"',
            f'CREATE FUNCTION "pa$$y"."to""tal"(a int, b numeric(3)) RETURNS int {_DEFINER}',
            'REVOKE EXECUTE ON FUNCTION "pa$$y"."to""tal" FROM PUBLIC',
        ),
        severity="error",
        labels={"database": "postgres", "schema": "pa$$y", "function": '"pa$$y"."to""tal"(integer, numeric)'},
    ),
    Live(
        "postgresql_security_definer_search_path",
        statements(
            "DROP FUNCTION IF EXISTS public.balance()",
            "DROP ROLE IF EXISTS bank",
            "CREATE ROLE bank",
            f"CREATE FUNCTION public.balance() RETURNS int {_DEFINER}",
            "ALTER FUNCTION public.balance() OWNER TO bank",
        ),
        severity="warning",
        labels={"database": "postgres", "schema": "public", "function": "public.balance()"},
        case="of_a_role",
    ),
    Live(
        "postgresql_security_definer_for_public",
        statements(
            "DROP FUNCTION IF EXISTS public.open_door(text)",
            f"CREATE FUNCTION public.open_door(text) RETURNS int SET search_path = pg_catalog {_DEFINER}",
        ),
        severity="warning",
        labels={"database": "postgres", "function": "public.open_door(text)"},
        accepted="public.open_door(text)",
    ),
    Live(
        "postgresql_row_security_disabled",
        statements(
            'DROP TABLE IF EXISTS public."ten""ants"',
            'CREATE TABLE public."ten""ants" (id int)',
            'CREATE POLICY own ON public."ten""ants" USING (id = 1)',
        ),
        severity="error",
        labels={"database": "postgres", "schema": "public", "table": 'ten"ants'},
    ),
    Live(
        "postgresql_row_security_owner_exempt",
        statements(
            "DROP TABLE IF EXISTS public.accounts",
            "DROP ROLE IF EXISTS application",
            "CREATE ROLE application LOGIN VALID UNTIL '2100-01-01'",
            "CREATE TABLE public.accounts (id int)",
            "ALTER TABLE public.accounts ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE public.accounts OWNER TO application",
        ),
        severity="notice",
        labels={"database": "postgres", "schema": "public", "table": "accounts"},
        accepted="application",
    ),
    Live(
        "postgresql_user_mapping_for_public",
        statements(
            'DROP SERVER IF EXISTS "ware""house" CASCADE',
            "DROP FOREIGN DATA WRAPPER IF EXISTS shipping",
            "CREATE FOREIGN DATA WRAPPER shipping",
            'CREATE SERVER "ware""house" FOREIGN DATA WRAPPER shipping',
            'CREATE USER MAPPING FOR PUBLIC SERVER "ware""house" OPTIONS (password \'not shown\')',
        ),
        severity="warning",
        labels={"database": "postgres", "server": 'ware"house'},
        accepted='ware"house',
    ),
)
