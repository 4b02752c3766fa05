"""What can be weak, and where? A place is one database or login on a server, and the name of a place is the name of the
target that looks at it. Each place has a few weaknesses that can be made and repaired with one statement each, and for
each of them it is known which finding a check must make of it. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Engine = Literal["postgresql", "mysql"]


@dataclass(frozen=True, order=True)
class Place:
    """One database of PostgreSQL, or one database with its login of MariaDB."""

    engine: Engine
    name: str


@dataclass(frozen=True, order=True)
class Weakness:
    """One thing that is either weak or not, and the finding that tells it."""

    place: Place
    check: str
    label: str
    value: str
    severity: str

    @property
    def finding(self) -> tuple[str, str]:
        """The label of the finding, which is the whole identity of it within its check."""
        return self.label, self.value


SUPERUSERS = "soak_superusers"
PUBLIC_CREATE = "soak_public_create"
EMPTY_PASSWORDS = "soak_empty_passwords"
SUPER_PRIVILEGE = "soak_super_privilege"
CHECKS: Mapping[Engine, tuple[str, ...]] = {
    "postgresql": (SUPERUSERS, PUBLIC_CREATE),
    "mysql": (EMPTY_PASSWORDS, SUPER_PRIVILEGE),
}


def places(postgresql: int, mysql: int) -> list[Place]:
    """Return so many places of each engine."""
    return [
        *(Place("postgresql", f"pg{number:02}") for number in range(1, postgresql + 1)),
        *(Place("mysql", f"my{number:02}") for number in range(1, mysql + 1)),
    ]


def weaknesses_of(place: Place) -> list[Weakness]:
    """Return what can be weak at a place."""
    name = place.name
    if place.engine == "postgresql":
        return [
            Weakness(place, SUPERUSERS, "role", f"{name}_a", "warning"),
            Weakness(place, SUPERUSERS, "role", f"{name}_b", "warning"),
            Weakness(place, PUBLIC_CREATE, "schema", "public", "notice"),
        ]
    return [
        Weakness(place, EMPTY_PASSWORDS, "login", f"{name}_a", "critical"),
        Weakness(place, EMPTY_PASSWORDS, "login", f"{name}_b", "critical"),
        Weakness(place, SUPER_PRIVILEGE, "login", f"{name}_c", "warning"),
    ]


def statement_for(weakness: Weakness, *, make_weak: bool) -> str:
    """Return the statement that makes a weakness or repairs it; done twice it is the same as done once."""
    name = weakness.value
    match weakness.check:
        case "soak_superusers":
            return f"ALTER ROLE {name} {'SUPERUSER' if make_weak else 'NOSUPERUSER'}"
        case "soak_public_create":
            words = "GRANT CREATE ON SCHEMA public TO" if make_weak else "REVOKE CREATE ON SCHEMA public FROM"
            return f"{words} PUBLIC"
        case "soak_empty_passwords":
            return f"ALTER USER '{name}'@'%' IDENTIFIED BY '{'' if make_weak else 'kept by the referee'}'"
        case _:
            words = "GRANT SUPER ON *.* TO" if make_weak else "REVOKE SUPER ON *.* FROM"
            return f"{words} '{name}'@'%'"


# The descriptions change with each run, so that a text which moves is never taken for another alert.
CHECK_FILE = """\
checks:
  - version: 2
    name: soak_superusers
    summary: Superusers of this database
    description: What the referee makes superuser is seen here.
    technology: POSTGRESQL
    queries:
      - type: POSTGRESQL_SELECT
        query: >-
          rolname::text AS label, now()::text AS looked_at FROM pg_catalog.pg_roles
          WHERE rolsuper AND left(rolname, 5) = current_database() || '_' ORDER BY 1
    script: |
      def check_context(docs, context):
          return [
              {
                  "summary": "{} is weak".format(row["label"]),
                  "description": "Seen at {}.".format(row["looked_at"]),
                  "severity": "warning",
                  "labels": {"role": row["label"]},
              }
              for row in docs[0]
          ]
  - version: 2
    name: soak_public_create
    summary: Everybody may create in the schema public
    description: What the referee grants to PUBLIC is seen here.
    technology: POSTGRESQL
    queries:
      - type: POSTGRESQL_SELECT
        query: >-
          nspname::text AS label, now()::text AS looked_at FROM pg_catalog.pg_namespace WHERE nspname = 'public'
          AND EXISTS (SELECT 1 FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS entry
          WHERE entry.grantee = 0 AND entry.privilege_type = 'CREATE')
    script: |
      def check_context(docs, context):
          return [
              {
                  "summary": "{} is open".format(row["label"]),
                  "description": "Seen at {}.".format(row["looked_at"]),
                  "severity": "notice",
                  "labels": {"schema": row["label"]},
              }
              for row in docs[0]
          ]
  - version: 2
    name: soak_empty_passwords
    summary: Logins without a password
    description: What the referee leaves without a password is seen here.
    technology: MYSQL
    queries:
      - type: MYSQL_SELECT
        query: >-
          user AS label, CAST(NOW(6) AS CHAR) AS looked_at FROM mysql.user
          WHERE LEFT(user, 5) = CONCAT(DATABASE(), '_') AND COALESCE(authentication_string, '') = '' ORDER BY 1
    script: |
      def check_context(docs, context):
          return [
              {
                  "summary": "{} has no password".format(row["label"]),
                  "description": "Seen at {}.".format(row["looked_at"]),
                  "severity": "critical",
                  "labels": {"login": row["label"]},
              }
              for row in docs[0]
          ]
  - version: 2
    name: soak_super_privilege
    summary: Logins with SUPER
    description: What the referee grants SUPER is seen here.
    technology: MYSQL
    queries:
      - type: MYSQL_SELECT
        query: >-
          user AS label, CAST(NOW(6) AS CHAR) AS looked_at FROM mysql.user
          WHERE LEFT(user, 5) = CONCAT(DATABASE(), '_') AND Super_priv = 'Y' ORDER BY 1
    script: |
      def check_context(docs, context):
          return [
              {
                  "summary": "{} has SUPER".format(row["label"]),
                  "description": "Seen at {}.".format(row["looked_at"]),
                  "severity": "warning",
                  "labels": {"login": row["label"]},
              }
              for row in docs[0]
          ]
"""
