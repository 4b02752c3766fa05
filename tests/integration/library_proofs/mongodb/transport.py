"""Proofs of the checks that ask what crosses the network, and how it is protected there."""

import datetime as dt
from typing import Any

from tests.integration.library_proofs.mongodb.replies import Reply, connection, options, reply, source
from tests.integration.library_proofs.mongodb.starts import restart_with_options, start_open
from tests.integration.library_proofs.proof import Documented, Live, as_started

_OPTIONS = source("get_cmd_line_opts")
_STATUS = source("server_status")


def _tls(**more: Any) -> list[Reply]:
    return options(
        net={
            "bindIp": "10.0.0.5",
            "port": 27017,
            "tls": {"mode": "requireTLS", "disabledProtocols": "TLS1_0,TLS1_1"} | more,
        }
    )


def _ldap(**more: Any) -> list[Reply]:
    return options(security={"authorization": "enabled", "ldap": {"servers": "ldap.example.com"} | more})


def _expiring(day: dt.datetime) -> list[Reply]:
    (status,) = reply("server_status")
    expires = int(day.timestamp()) * 1_000_000_000
    return [status | {"security": status["security"] | {"SSLServerCertificateExpirationDate": expires}}]


def _without_tls() -> list[Reply]:
    (status,) = reply("server_status")
    return [status | {"security": {"authentication": status["security"]["authentication"]}}]


PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mongodb_tls_disabled",
        as_started,
        severity="error",
        summary="TLS is off",
        own_server=start_open(),
        by_hand=restart_with_options,
    ),
    Documented(
        "mongodb_tls_disabled",
        source=_OPTIONS,
        weak=[options(net={"bindIp": "10.0.0.5", "port": 27017}), connection()],
        good=[_tls(), connection(is_encrypted=True)],
        severity="error",
        case="mongod",
    ),
    Documented(
        "mongodb_tls_disabled",
        source=_OPTIONS,
        weak=[options(net={"tls": {"mode": "preferTLS"}}), connection(is_encrypted=True)],
        good=[options(net={"ssl": {"mode": "requireSSL"}}), connection(is_encrypted=True)],
        severity="warning",
        case="optional",
    ),
    Documented(
        "mongodb_tls_disabled",
        source=_OPTIONS,
        weak=[options(), connection()],
        good=[options(net={"tls": {"mode": "requireTLS"}}), connection(is_encrypted=True)],
        severity="notice",
        case="local",
    ),
    Documented(
        "mongodb_listen_all_addresses",
        source=_OPTIONS,
        weak=[options(net={"bindIp": "0.0.0.0", "port": 27017})],
        good=[options()],
        severity="warning",
    ),
    Documented(
        "mongodb_listen_all_addresses",
        source=_OPTIONS,
        weak=[options(net={"bindIpAll": True, "port": 27017})],
        good=[options(net={"bindIp": "localhost,10.0.0.5", "port": 27017})],
        severity="warning",
        case="bind_ip_all",
    ),
    Documented(
        "mongodb_weak_tls_versions",
        source=_OPTIONS,
        weak=[_tls(disabledProtocols="none")],
        good=[_tls()],
        severity="warning",
    ),
    Documented(
        "mongodb_weak_tls_versions",
        source=_OPTIONS,
        weak=[_tls(disabledProtocols="TLS1_0")],
        good=[_tls(disabledProtocols="TLS1_1, TLS1_0")],
        severity="warning",
        case="one_of_two",
    ),
    Documented(
        "mongodb_weak_tls_versions",
        source=_OPTIONS,
        weak=[options(net={"ssl": {"mode": "requireSSL"}})],
        good=[options()],
        severity="notice",
        case="not_set",
    ),
    Documented(
        "mongodb_tls_checks_off",
        source=_OPTIONS,
        weak=[_tls(allowInvalidCertificates=True)],
        good=[_tls(allowInvalidCertificates=False)],
        severity="error",
        labels={"setting": "net.tls.allowInvalidCertificates"},
    ),
    Documented(
        "mongodb_tls_checks_off",
        source=_OPTIONS,
        weak=[_tls(allowInvalidHostnames=True)],
        good=[options()],
        severity="warning",
        labels={"setting": "net.tls.allowInvalidHostnames"},
        case="names",
    ),
    Documented(
        "mongodb_certificate_expires",
        source=_STATUS,
        weak=[_expiring(dt.datetime(2026, 12, 20, tzinfo=dt.UTC))],
        good=[reply("server_status")],
        severity="warning",
    ),
    Documented(
        "mongodb_certificate_expires",
        source=_STATUS,
        weak=[_expiring(dt.datetime(2026, 11, 20, tzinfo=dt.UTC))],
        good=[_without_tls()],
        severity="error",
        case="expired",
    ),
    Documented(
        "mongodb_ldap_in_clear",
        source=_OPTIONS,
        weak=[_ldap(transportSecurity="none")],
        good=[_ldap()],
        severity="error",
    ),
)
