"""Proofs of the checks that ask who can log in, and with what."""

from typing import Any

from tests.integration.library_proofs.mongodb.replies import nobody, options, reply, source, user
from tests.integration.library_proofs.mongodb.starts import restart_with_options, start_open
from tests.integration.library_proofs.proof import Documented, Live, as_started

_OPTIONS = source("get_cmd_line_opts")
_LOGIN = source("get_cmd_line_opts", "connection_status")
_PARAMETERS = source("get_parameter")
_USERS = source("users_info")

_KARI = {"user": "Kari", "database": "home"}


def _hashed(sha_1: int, sha_256: int) -> dict[str, Any]:
    return {"SCRAM-SHA-1": {"iterationCount": sha_1}, "SCRAM-SHA-256": {"iterationCount": sha_256}}


PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mongodb_authorization_disabled",
        as_started,
        severity="critical",
        own_server=start_open(),
        by_hand=restart_with_options,
    ),
    Documented(
        "mongodb_authorization_disabled",
        source=_LOGIN,
        weak=[options(), nobody()],
        good=[options(security={"authorization": "enabled"}), reply("connection_status")],
        severity="critical",
        case="mongod",
    ),
    Documented(
        "mongodb_authorization_disabled",
        source=_LOGIN,
        weak=[options(), reply("connection_status")],
        good=[options(security={"clusterAuthMode": "x509"}), reply("connection_status")],
        severity="critical",
        case="login_taken_not_needed",
    ),
    Documented(
        "mongodb_authorization_disabled",
        source=_LOGIN,
        weak=[
            options(security={"keyFile": "/etc/mongodb.key", "transitionToAuth": True}),
            reply("connection_status"),
        ],
        good=[
            options(security={"keyFile": "/etc/mongodb.key", "transitionToAuth": False}),
            reply("connection_status"),
        ],
        severity="critical",
        case="transition",
    ),
    Documented(
        "mongodb_localhost_exception",
        source=_PARAMETERS,
        weak=[reply("get_parameter")],
        good=[reply("get_parameter", enableLocalhostAuthBypass=False)],
        severity="notice",
    ),
    Documented(
        "mongodb_sha1_only_users",
        source=_USERS,
        weak=[user(mechanisms=["SCRAM-SHA-1"])],
        good=[user()],
        severity="warning",
        labels=_KARI,
    ),
    Documented(
        "mongodb_old_authentication_mechanisms",
        source=_PARAMETERS,
        weak=[reply("get_parameter")],
        good=[reply("get_parameter", authenticationMechanisms=["MONGODB-X509", "SCRAM-SHA-256"])],
        severity="notice",
        labels={"mechanism": "SCRAM-SHA-1"},
    ),
    Documented(
        "mongodb_old_authentication_mechanisms",
        source=_PARAMETERS,
        weak=[reply("get_parameter", authenticationMechanisms=["MONGODB-CR", "SCRAM-SHA-256"])],
        good=[reply("get_parameter", authenticationMechanisms=["SCRAM-SHA-256"])],
        severity="error",
        labels={"mechanism": "MONGODB-CR"},
        case="challenge_response",
    ),
    Documented(
        "mongodb_weak_password_hashing",
        source=_USERS,
        weak=[user(credentials=_hashed(10000, 5000))],
        good=[user()],
        severity="warning",
        labels={**_KARI, "mechanism": "SCRAM-SHA-256"},
    ),
    Documented(
        "mongodb_weak_password_hashing",
        source=_USERS,
        weak=[user(credentials=_hashed(9999, 15000))],
        good=[user(credentials={"external": True})],
        severity="warning",
        labels={**_KARI, "mechanism": "SCRAM-SHA-1"},
        case="sha_1",
    ),
    Documented(
        "mongodb_administrators_from_anywhere",
        source=_USERS,
        weak=[user(roles=[{"role": "root", "db": "admin"}])],
        good=[
            user(
                roles=[{"role": "root", "db": "admin"}],
                authenticationRestrictions=[{"clientSource": ["10.0.0.0/8"]}],
            )
        ],
        severity="notice",
        labels=_KARI,
        accepted=("Kari@home",),
    ),
    Documented(
        "mongodb_administrators_from_anywhere",
        source=f"{_USERS}; the role restricts where it is used from",
        weak=[user(roles=[{"role": "clusterAdmin", "db": "admin"}])],
        good=[
            user(
                roles=[{"role": "clusterAdmin", "db": "admin"}],
                inheritedAuthenticationRestrictions=[[{"clientSource": ["10.0.0.0/8"]}]],
            )
        ],
        severity="notice",
        labels=_KARI,
        case="restricted_by_role",
    ),
    Documented(
        "mongodb_key_file_authentication",
        source=_OPTIONS,
        weak=[options(security={"keyFile": "/etc/mongodb.key"}, replication={"replSetName": "rs0"})],
        good=[options(security={"clusterAuthMode": "x509"}, replication={"replSetName": "rs0"})],
        severity="notice",
    ),
    Documented(
        "mongodb_key_file_authentication",
        source=_OPTIONS,
        weak=[options(security={"keyFile": "/etc/mongodb.key", "clusterAuthMode": "sendX509"})],
        good=[options(security={"keyFile": "/etc/mongodb.key", "clusterAuthMode": "x509"})],
        severity="notice",
        case="on_the_way_to_certificates",
    ),
)
