"""MongoDB's protocol as a check sees it: commands, values, bounds, refusals and their remedies, on real MongoDB-wire
servers with and without logins and TLS.
"""

import asyncio
import contextlib
import os
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from examples.servers.certificates import Certificates, write_certificates
from examples.servers.database import DatabaseServer
from examples.servers.mongodb import mongodb as run_mongodb
from services.checker.engines.protocol import Login
from services.checker.errors import (
    LoginRefused,
    NotHere,
    PrivilegeMissing,
    QueryFailed,
    QueryTimeout,
    ResultTooLarge,
    SecretUnavailable,
    Unreachable,
)
from shared.checks import QueryType
from tests.integration.engine_asking import (
    CANARY,
    STRANGERS,
    asking,
    at_most,
    knows_nothing,
    login,
    login_to,
    refused,
    stranger,
    wire,
)
from watchword.processes import ServerPlan, ServerProcess, accepts_connections

ANSWERED_BY_THIS_SERVER = {
    QueryType.MONGODB_GETPARAMETER: "featureCompatibilityVersion",
    QueryType.MONGODB_BUILDINFO: "version",
    QueryType.MONGODB_GETCMDLINEOPTS: "parsed",
    QueryType.MONGODB_CONNECTIONSTATUS: "authInfo",
    QueryType.MONGODB_SERVERSTATUS: "uptime",
    QueryType.MONGODB_HOSTINFO: "system",
    QueryType.MONGODB_LISTDATABASES: "databases",
    QueryType.MONGODB_PROFILE: "was",
    QueryType.MONGODB_GETLOG: "log",
    QueryType.MONGODB_USERSINFO: "users",
    QueryType.MONGODB_ROLESINFO: "roles",
}


@contextlib.contextmanager
def administrator(server: DatabaseServer) -> Iterator[MongoClient[dict[str, Any]]]:
    credentials: dict[str, Any] = {"username": server.user, "password": server.password} if server.password else {}
    with MongoClient[dict[str, Any]](server.host, server.port, directConnection=True, **credentials) as client:
        yield client


@contextlib.contextmanager
def made_user(server: DatabaseServer, roles: Sequence[str], database: str = "admin") -> Iterator[str]:
    """A user of the test's own, with the canary for a password."""
    name = f"watchword_{os.urandom(4).hex()}"
    with administrator(server) as admin:
        granted = [{"role": role, "db": "admin"} for role in roles]
        admin[database].command("createUser", name, pwd=CANARY, roles=granted)
        try:
            yield name
        finally:
            admin[database].command("dropUser", name)


@pytest.fixture
def user(mongodb_auth: DatabaseServer) -> Iterator[str]:
    """A user without any role."""
    with made_user(mongodb_auth, []) as name:
        yield name


@pytest.fixture(scope="module")
def mongodb_tls() -> Iterator[DatabaseServer]:
    with run_mongodb(has_tls=True) as server:
        yield server


@pytest.mark.parametrize(("query_type", "field"), ANSWERED_BY_THIS_SERVER.items(), ids=ANSWERED_BY_THIS_SERVER)
async def test_command_is_answered_with_exactly_one_document(
    mongodb: DatabaseServer, query_type: QueryType, field: str
) -> None:
    async with asking(login_to(mongodb)) as ask:
        rows = await ask.rows(query_type)
    assert len(rows) == 1
    assert field in rows[0]


async def test_what_a_check_says_never_becomes_part_of_a_command(mongodb: DatabaseServer) -> None:
    async with asking(login_to(mongodb)) as ask:
        document = await ask(QueryType.MONGODB_BUILDINFO, '{"dropDatabase": 1}', command="shutdown")
    assert isinstance(document, list)
    assert "version" in document[0]


async def test_command_that_the_server_lacks_is_not_for_here_and_says_so_in_its_words(mongodb: DatabaseServer) -> None:
    said = r"^getDiagnosticData can't be asked here: no such command: 'getDiagnosticData' \(59\)$"
    async with asking(login_to(mongodb)) as ask:
        with pytest.raises(NotHere, match=said):
            await ask(QueryType.MONGODB_GETDIAGNOSTICDATA)
        assert (await ask.row(QueryType.MONGODB_BUILDINFO))["ok"] == 1.0


async def test_status_of_a_replica_set_fails_on_a_server_alone_with_its_words(mongodb: DatabaseServer) -> None:
    async with asking(login_to(mongodb)) as ask:
        with pytest.raises(QueryFailed, match=r"^replSetGetStatus: not running with --replSet \(76\)$"):
            await ask(QueryType.MONGODB_REPLSETGETSTATUS)


async def test_times_of_a_real_answer_are_nanoseconds(mongodb: DatabaseServer) -> None:
    async with asking(login_to(mongodb)) as ask:
        status = await ask.row(QueryType.MONGODB_SERVERSTATUS)
    assert isinstance(status["localTime"], int)
    assert 1.7e18 < status["localTime"] < 9e18
    assert isinstance(status["uptime"], int | float)


async def test_queries_for_others_are_not_for_here(mongodb: DatabaseServer) -> None:
    async with asking(login_to(mongodb)) as ask:
        for query_type in (QueryType.POSTGRESQL_SHOW, QueryType.MYSQL_SELECT, QueryType.METRICS_RANGE):
            with pytest.raises(NotHere, match=f"^{query_type} can't be asked here"):
                await ask(query_type, "x")


async def test_users_are_told_without_what_could_be_used_to_log_in(mongodb_auth: DatabaseServer) -> None:
    with administrator(mongodb_auth) as admin, made_user(mongodb_auth, ["clusterMonitor"]) as name:
        raw = admin.admin.command({"usersInfo": name, "showCredentials": True})["users"][0]["credentials"][
            "SCRAM-SHA-256"
        ]
        async with asking(login_to(mongodb_auth)) as ask:
            users = (await ask.row(QueryType.MONGODB_USERSINFO))["users"]
    found = next(user for user in users if user["user"] == name)
    assert found["credentials"] == {"SCRAM-SHA-256": {"iterationCount": raw["iterationCount"]}}
    assert found["roles"] == [{"role": "clusterMonitor", "db": "admin"}]
    assert found["mechanisms"] == ["SCRAM-SHA-256"]
    for secret in (raw["salt"], raw["storedKey"], raw["serverKey"]):
        assert secret not in str(users)


async def test_users_of_every_database_are_told(mongodb_auth: DatabaseServer) -> None:
    database = f"db_{os.urandom(4).hex()}"
    with administrator(mongodb_auth) as admin:
        admin[database].things.insert_one({"a": 1})
        with made_user(mongodb_auth, [], database) as name:
            async with asking(login_to(mongodb_auth)) as ask:
                users = (await ask.row(QueryType.MONGODB_USERSINFO))["users"]
        admin.drop_database(database)
    assert {(user["user"], user["db"]) for user in users} >= {(name, database), ("admin", "admin")}


async def test_roles_that_people_made_are_told_with_their_privileges(mongodb: DatabaseServer) -> None:
    name = f"role_{os.urandom(4).hex()}"
    privileges = [{"resource": {"cluster": True}, "actions": ["viewUser"]}]
    with administrator(mongodb) as admin:
        admin.admin.command("createRole", name, privileges=privileges, roles=[])
        try:
            async with asking(login_to(mongodb)) as ask:
                roles = (await ask.row(QueryType.MONGODB_ROLESINFO))["roles"]
        finally:
            admin.admin.command("dropRole", name)
    assert next(role for role in roles if role["role"] == name)["privileges"] == privileges
    assert "root" not in {role["role"] for role in roles}


async def test_role_in_a_database_without_collections_is_told_when_a_user_has_it(mongodb_auth: DatabaseServer) -> None:
    name, database = f"role_{os.urandom(4).hex()}", f"db_{os.urandom(4).hex()}"
    with administrator(mongodb_auth) as admin, made_user(mongodb_auth, []) as user:
        admin[database].command("createRole", name, privileges=[], roles=[])
        admin.admin.command("grantRolesToUser", user, roles=[{"role": name, "db": database}])
        try:
            assert database not in admin.list_database_names()
            async with asking(login_to(mongodb_auth)) as ask:
                roles = (await ask.row(QueryType.MONGODB_ROLESINFO))["roles"]
        finally:
            admin[database].command("dropRole", name)
    assert (name, database) in {(role["role"], role["db"]) for role in roles}


async def test_level_of_the_profiler_is_told_for_every_database(mongodb: DatabaseServer) -> None:
    database = f"db_{os.urandom(4).hex()}"
    with administrator(mongodb) as admin:
        admin[database].things.insert_one({"a": 1})
        admin[database].command("profile", 2)
        try:
            async with asking(login_to(mongodb)) as ask:
                row = await ask.row(QueryType.MONGODB_PROFILE)
        finally:
            admin[database].command("profile", 0)
            admin.drop_database(database)
    assert row["was"] == 0
    levels = {each["name"]: each["was"] for each in row["databases"]}
    assert (levels["admin"], levels[database]) == (0, 2)


async def test_connection_tells_how_it_was_made(mongodb: DatabaseServer, mongodb_auth: DatabaseServer) -> None:
    async with asking(login_to(mongodb)) as ask:
        version = ask.connection.server.version
        plain = {
            "encrypted": False,
            "tls_version": None,
            "cipher": None,
            "server_version": version,
            "flavour": "mongodb",
        }
        expected = {**plain, "authentication": None, "user": None, "password_used": False}
        assert await ask.row(QueryType.CONNECTION) == expected
    async with asking(login_to(mongodb_auth)) as ask:
        expected = {**plain, "authentication": "SCRAM-SHA-256", "user": "admin@admin", "password_used": True}
        assert await ask.row(QueryType.CONNECTION) == expected


async def test_answer_is_weighed_before_it_is_unpacked(mongodb: DatabaseServer) -> None:
    async with asking(login_to(mongodb), bytes=150) as ask:
        with pytest.raises(ResultTooLarge, match="more than 150 bytes"):
            await ask(QueryType.MONGODB_SERVERSTATUS)
        assert (await ask.row(QueryType.MONGODB_PROFILE))["was"] == 0


async def test_dead_network_ends_a_query_in_time_and_a_living_one_serves_the_next(mongodb: DatabaseServer) -> None:
    async with wire(mongodb) as proxy, asking(login_to(mongodb, port=proxy.port)) as ask:
        proxy.stall()
        for _ in range(2):
            with at_most(2.5), pytest.raises((QueryTimeout, Unreachable)):
                await ask(QueryType.MONGODB_BUILDINFO, seconds=0.5)
        proxy.go_on()
        assert (await ask.row(QueryType.MONGODB_BUILDINFO))["ok"] == 1.0


async def test_garbage_in_an_answer_is_named_and_the_next_query_works(mongodb: DatabaseServer) -> None:
    async with wire(mongodb) as proxy, asking(login_to(mongodb, port=proxy.port)) as ask:
        # A type of value that BSON does not have.
        proxy.garbled = (b"\x10slowms\x00", b"\x6eslowms\x00")
        with pytest.raises((QueryFailed, Unreachable), match=r"BSON|garbage"):
            await ask(QueryType.MONGODB_PROFILE)
        assert (await ask.row(QueryType.MONGODB_BUILDINFO))["ok"] == 1.0


async def test_cancelled_task_leaves_a_connection_that_works(mongodb: DatabaseServer) -> None:
    async with wire(mongodb) as proxy, asking(login_to(mongodb, port=proxy.port)) as ask:
        proxy.stall()
        task = asyncio.create_task(ask(QueryType.MONGODB_BUILDINFO))
        await asyncio.wait({task}, timeout=0.2)
        task.cancel()
        with at_most(2.0), pytest.raises(asyncio.CancelledError):
            await task
        proxy.go_on()
        assert (await ask.row(QueryType.MONGODB_BUILDINFO))["ok"] == 1.0


# Logins


async def test_wrong_password_is_refused_without_showing_it(mongodb_auth: DatabaseServer, user: str) -> None:
    error = await refused(login_to(mongodb_auth, user=user, password=f"{CANARY}x"))
    assert isinstance(error, LoginRefused)
    assert f"{mongodb_auth.host}:{mongodb_auth.port} refuses user '{user}': authentication failed" in str(error)
    assert "option authSource, now admin" in str(error)


async def test_right_password_is_taken(mongodb_auth: DatabaseServer, user: str) -> None:
    async with asking(login_to(mongodb_auth, user=user, password=CANARY)) as ask:
        status = await ask.row(QueryType.MONGODB_CONNECTIONSTATUS)
    assert status["authInfo"]["authenticatedUsers"] == [{"user": user, "db": "admin"}]


async def test_account_may_be_kept_in_another_database(mongodb_auth: DatabaseServer) -> None:
    with made_user(mongodb_auth, [], "people") as name:
        there = login_to(mongodb_auth, user=name, password=CANARY, options={"authSource": "people"})
        async with asking(there) as ask:
            assert (await ask.row(QueryType.CONNECTION))["user"] == f"{name}@people"
        assert isinstance(await refused(login_to(mongodb_auth, user=name, password=CANARY)), LoginRefused)


async def test_user_without_a_password_is_told() -> None:
    error = await refused(login("mongodb", host="127.0.0.1", port=1, user="a"))
    assert isinstance(error, LoginRefused)
    assert "has a user and no password" in str(error)


async def test_server_that_wants_a_login_says_so_at_the_first_command(mongodb_auth: DatabaseServer) -> None:
    async with asking(login_to(mongodb_auth, user="")) as ask:
        with pytest.raises(
            PrivilegeMissing, match="requires authentication; the server wants a login and the target has"
        ):
            await ask(QueryType.MONGODB_GETPARAMETER)


@pytest.mark.parametrize("mechanism", ["MONGODB-AWS", "MONGODB-OIDC", "GSSAPI", "nonsense"])
async def test_mechanism_that_sends_what_the_checkers_machine_has_is_not_taken(mechanism: str) -> None:
    wanted = login("mongodb", user="a", password=CANARY, tls="require", options={"authMechanism": mechanism})
    error = await refused(wanted)
    assert isinstance(error, LoginRefused)
    assert "is not taken; use DEFAULT, MONGODB-X509, PLAIN, SCRAM-SHA-1, SCRAM-SHA-256" in str(error)


async def test_password_is_not_sent_in_clear() -> None:
    error = await refused(login("mongodb", user="a", password=CANARY, options={"authMechanism": "PLAIN"}))
    assert isinstance(error, LoginRefused)
    assert "sends the password as it is; set tls.mode" in str(error)


@pytest.mark.parametrize(
    "host",
    [
        "mongodb://127.0.0.1/?tlsInsecure=true",
        "a@127.0.0.1",
        "127.0.0.1/?tlsCAFile=x",
        "/tmp/mongodb-27017.sock",
        "127.0.0.1,",
    ],
)
async def test_host_can_carry_no_options(host: str) -> None:
    error = await refused(login("mongodb", host=host, user="a", password=CANARY))
    assert isinstance(error, Unreachable)
    assert "is not a host name or address" in str(error)


async def test_closed_port_and_unknown_host_are_named_at_once() -> None:
    with at_most(3):
        closed = await refused(login("mongodb", host="127.0.0.1", port=1, user="a", password=CANARY))
    assert isinstance(closed, Unreachable)
    assert str(closed) == "127.0.0.1:1 can't be reached: Connect call failed ('127.0.0.1', 1)"
    unknown = await refused(login("mongodb", host="nowhere.invalid", user="a", password=CANARY))
    assert isinstance(unknown, Unreachable)
    assert "nowhere.invalid:27017 can't be reached" in str(unknown)


async def test_several_hosts_may_be_given(mongodb: DatabaseServer) -> None:
    hosts = f"127.0.0.1:1,127.0.0.1:{mongodb.port}"
    error = await refused(login("mongodb", host=hosts, options={"directConnection": "true"}))
    assert isinstance(error, Unreachable)
    async with asking(login_to(mongodb, host=f"localhost:{mongodb.port}")) as ask:
        assert (await ask.row(QueryType.MONGODB_BUILDINFO))["ok"] == 1.0


@pytest.mark.parametrize("speaks", STRANGERS.values(), ids=STRANGERS)
async def test_stranger_on_the_port_is_unreachable_in_time(speaks: Any) -> None:
    async with stranger(speaks) as port:
        with at_most(4):
            error = await refused(
                login("mongodb", host="127.0.0.1", port=port, user="a", password=CANARY), connect_seconds=1.5
            )
    assert isinstance(error, Unreachable)


# Privileges


async def test_missing_privilege_comes_with_the_grant_that_helps(mongodb_auth: DatabaseServer, user: str) -> None:
    async with asking(login_to(mongodb_auth, user=user, password=CANARY)) as ask:
        with pytest.raises(PrivilegeMissing) as missing:
            await ask(QueryType.MONGODB_GETCMDLINEOPTS)
    knows_nothing(missing.value, CANARY)
    remedy = f'db.getSiblingDB("admin").grantRolesToUser("{user}", [{{role: "clusterMonitor", db: "admin"}}])'
    assert str(missing.value).endswith(f"; an administrator can allow it: {remedy}")
    with administrator(mongodb_auth) as admin:
        admin.admin.command("grantRolesToUser", user, roles=[{"role": "clusterMonitor", "db": "admin"}])
    async with asking(login_to(mongodb_auth, user=user, password=CANARY)) as ask:
        assert (await ask.row(QueryType.MONGODB_GETCMDLINEOPTS))["ok"] == 1.0


async def test_missing_right_to_see_users_comes_with_a_role_that_has_no_more(
    mongodb_auth: DatabaseServer, user: str
) -> None:
    async with asking(login_to(mongodb_auth, user=user, password=CANARY)) as ask:
        with pytest.raises(PrivilegeMissing) as missing:
            await ask(QueryType.MONGODB_USERSINFO)
    said = str(missing.value)
    assert 'createRole({role: "watchwordViewUsers", roles: [], privileges: [' in said
    assert said.endswith(f'grantRolesToUser("{user}", [{{role: "watchwordViewUsers", db: "admin"}}])')
    with administrator(mongodb_auth) as admin:
        # The role as the text has it.
        privileges = [
            {"resource": {"cluster": True}, "actions": ["viewUser", "listDatabases"]},
            {"resource": {"db": "", "collection": ""}, "actions": ["viewUser", "viewRole"]},
        ]
        admin.admin.command("createRole", "watchwordViewUsers", privileges=privileges, roles=[])
        admin.admin.command("grantRolesToUser", user, roles=[{"role": "watchwordViewUsers", "db": "admin"}])
        try:
            async with asking(login_to(mongodb_auth, user=user, password=CANARY)) as ask:
                users = (await ask.row(QueryType.MONGODB_USERSINFO))["users"]
                await ask(QueryType.MONGODB_ROLESINFO)
        finally:
            admin.admin.command("dropRole", "watchwordViewUsers")
    assert user in {one["user"] for one in users}


# TLS


@pytest.mark.parametrize(
    ("mode", "host", "has_file", "works"),
    [
        ("require", "127.0.0.2", False, True),
        ("verify-ca", "127.0.0.1", False, False),
        ("verify-full", "127.0.0.1", False, False),
        ("verify-full", "127.0.0.1", True, True),
        ("verify-full", "localhost", True, True),
        ("verify-ca", "127.0.0.2", True, True),
        ("verify-full", "127.0.0.2", True, False),
    ],
)
async def test_certificate_is_verified_when_asked_for(
    mongodb_tls: DatabaseServer, mode: str, host: str, *, works: bool, has_file: bool
) -> None:
    assert mongodb_tls.authority_path is not None
    files = {"ca_file": mongodb_tls.authority_path} if has_file else None
    async with wire(mongodb_tls, host) as proxy:
        wanted = login_to(mongodb_tls, tls=mode, host=host, port=proxy.port, files=files)
        if works:
            async with asking(wanted) as ask:
                assert ask.connection.server.is_encrypted
                row = await ask.row(QueryType.CONNECTION)
                assert row["encrypted"] is True
                assert row["tls_version"].startswith("TLSv1.")
                assert row["cipher"]
        else:
            error = await refused(wanted)
            assert isinstance(error, Unreachable)
            assert f"(tls.mode is {mode})" in str(error)


async def test_require_with_an_authority_verifies_as_libpq_does(mongodb_tls: DatabaseServer, tmp_path: Path) -> None:
    other = write_certificates(tmp_path)
    error = await refused(login_to(mongodb_tls, tls="require", files={"ca_file": other.authority_path}))
    assert isinstance(error, Unreachable)
    assert "certificate verify failed" in str(error)


async def test_prefer_means_no_tls_and_a_server_that_wants_it_says_what_to_set(mongodb_tls: DatabaseServer) -> None:
    error = await refused(login_to(mongodb_tls, tls="prefer"))
    assert isinstance(error, Unreachable)
    assert "set tls.mode to require or better" in str(error)


async def test_server_without_tls_is_told_when_tls_is_required(mongodb: DatabaseServer) -> None:
    with at_most(4):
        error = await refused(login_to(mongodb, tls="require"), connect_seconds=1.5)
    assert isinstance(error, Unreachable)
    assert "tls.mode" in str(error)


async def test_client_certificate_and_key_from_two_files_are_shown_to_the_server(tmp_path: Path) -> None:
    own = write_certificates(tmp_path / "own")
    with certified(tmp_path, own) as process:

        def wanted(**files: Path) -> Login:
            everything = {"ca_file": own.authority_path, **files}
            return login("mongodb", host="127.0.0.1", port=process.port, tls="verify-full", files=everything)

        error = await refused(wanted(), connect_seconds=3)
        assert isinstance(error, Unreachable)
        async with asking(wanted(cert_file=own.client_certificate_path, key_file=own.client_key_path)) as ask:
            assert (await ask.row(QueryType.CONNECTION))["encrypted"] is True
        both = tmp_path / "both.pem"
        both.write_bytes(own.client_certificate_path.read_bytes() + own.client_key_path.read_bytes())
        async with asking(wanted(cert_file=both)) as ask:
            assert ask.connection.server.is_encrypted


@contextlib.contextmanager
def certified(folder: Path, own: Certificates) -> Iterator[ServerProcess]:
    """A MongoDB-wire server that takes nobody without a certificate."""
    program = Path(sysconfig.get_path("scripts")) / "secantusd-py"
    plan = ServerPlan(
        name="The MongoDB-wire server",
        command=lambda port: [
            *(str(program), "--host", "127.0.0.1", "--port", str(port), "--standalone"),
            *("--storage-path", str(folder / "data"), "--cache-size", "64M"),
            *("--tls-cert-file", str(own.certificate_path), "--tls-key-file", str(own.key_path)),
            *("--tls-ca-file", str(own.authority_path), "--tls-require-client-cert"),
        ],
        is_ready=accepts_connections,
        log_path=folder / "mongodb.log",
    )
    with ServerProcess(plan) as process:
        yield process


async def test_files_that_are_no_certificates_are_named(mongodb_tls: DatabaseServer, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    error = await refused(login_to(mongodb_tls, tls="verify-full", files={"ca_file": tmp_path / "x.pem"}))
    assert isinstance(error, SecretUnavailable)
    assert "tls.ca_file" in str(error)
