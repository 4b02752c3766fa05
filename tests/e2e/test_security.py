"""A whole installation as in production: users and TLS on NATS, a password and TLS at Alertmanager, databases with
logins. Does the life of an alert go its way with nothing more than each program may, and does no secret appear in
anything that was written meanwhile, whatever failed?
"""

import base64
import contextlib
import json
import os
import re
import secrets
import signal
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from examples.servers.certificates import write_certificates
from shared.nats_users import NatsUser
from tests.e2e.installation import until
from tests.integration.command_line import PROGRAM, CommandLine
from tests.integration.nats_installation import nats_with_users
from watchword.embedded import AlertmanagerSettings, embedded_alertmanager
from watchword.processes import free_port

CHECK = "postgresql_superuser_roles"
PASSWORD_OF_ALERTMANAGER = "hunter2"
ITS_HASH = "$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8."
SECONDS = 60.0

pytestmark = pytest.mark.timeout(300)  # the fixture lives through everything; a busy machine takes its time


@dataclass
class Place:
    """What runs, what was written by commands, and the secrets that must not be in any of it."""

    folder: Path
    nats_url: str
    alertmanager_url: str
    users: Mapping[str, NatsUser]
    secrets: dict[str, str]
    environment: dict[str, str]
    written: dict[str, bytes] = field(default_factory=dict)
    arguments: set[bytes] = field(default_factory=set)
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    def environment_of(self, user: str, **more: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
        return {
            **ours,
            **self.environment,
            "USER": "ada",
            "LOGNAME": "ada",
            "WATCHWORD_NATS_URL": self.nats_url,
            "WATCHWORD_NATS_USER": user,
            "WATCHWORD_NATS_PASSWORD": self.secrets[f"NATS password of {user}"],
            "WATCHWORD_NATS_INBOX_PREFIX": self.users[user].inbox_prefix,
            "WATCHWORD_NATS_ADDRESSED_ONLY": "true",
            **more,
        }

    def serve(self, stage: str, **more: str) -> None:
        port = free_port()
        self.ports.append(port)
        with (self.folder / f"{stage}-{len(self.running)}.log").open("wb") as log:
            environment = self.environment_of(stage, WATCHWORD_HTTP_PORT=str(port), **more)
            self.running.append(subprocess.Popen([PROGRAM, "serve", stage], env=environment, stdout=log, stderr=log))

    def run(self, *words: str, user: str = "operator", **more: str) -> "subprocess.CompletedProcess[bytes]":
        done = subprocess.run(
            [PROGRAM, *words], env=self.environment_of(user, **more), capture_output=True, timeout=60, check=False
        )
        self.written[f"{len(self.written)}: watchword {' '.join(words)}"] = done.stdout + done.stderr
        return done

    def look(self, *words: str) -> int:
        """Run a command in this process, which is quicker; its exit code is the answer."""
        done = CommandLine(self.nats_url, self.environment_of("operator"))(*words)
        self.written[f"{len(self.written)}: watchword {' '.join(words)}"] = (done.out + done.err).encode()
        return done.code

    def json(self, *words: str, code: int = 0) -> Any:
        done = self.run(*words, "-o", "json")
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.folder / "secrets" / "authority.pem")

    def look_at_processes(self) -> None:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                self.arguments.add(process.read_bytes())

    def logs(self) -> str:
        return "\n".join(f"== {path.name}\n{path.read_text()[-6000:]}" for path in sorted(self.folder.glob("*.log")))


def canary(name: str) -> str:
    return f"canary{secrets.token_hex(12)}{name}"


@pytest.fixture(scope="module")
def place(tmp_path_factory, postgresql_tls, mariadb_tls, mongodb_auth) -> Iterator[Place]:
    """An installation that has lived through the life of an alert, and through everything that fails."""
    folder = tmp_path_factory.mktemp("security")
    secrets_folder = folder / "secrets"
    certificates = write_certificates(secrets_folder)
    nats_tls = f'tls {{ cert_file: "{certificates.certificate_path}", key_file: "{certificates.key_path}" }}\n'
    web = folder / "web.yml"
    web.write_text(
        f"basic_auth_users:\n  watchword: {ITS_HASH}\n"
        f"tls_server_config:\n  cert_file: {certificates.certificate_path}\n  key_file: {certificates.key_path}\n"
    )
    alertmanager = embedded_alertmanager(
        AlertmanagerSettings(folder / "alertmanager", port=0, web_configuration_file=web, serves_tls=True)
    )
    planted = {
        name: canary(name)
        for name in ("orders", "wrong", "unreachable", "mysql", "mongodb", "metrics", "clear", "unused")
    }
    (secrets_folder / "am").write_text(PASSWORD_OF_ALERTMANAGER + "\n")
    (secrets_folder / "orders").write_text(planted["orders"] + "\n")
    (secrets_folder / "pg.pem").write_bytes(postgresql_tls.authority_path.read_bytes())
    with nats_with_users(folder / "nats", more_configuration=nats_tls) as nats, alertmanager.process:
        place = Place(
            folder,
            nats.server.url.replace("nats://", "tls://"),
            alertmanager.url.rstrip("/"),
            nats.users,
            {
                **planted,
                "password of Alertmanager": PASSWORD_OF_ALERTMANAGER,
                **{f"NATS password of {name}": password for name, password in nats.passwords.items()},
            },
            {
                "WATCHWORD_NATS_CA_FILE": str(certificates.authority_path),
                "WATCHWORD_SECRETS_FOLDER": str(secrets_folder),
                "WATCHWORD_LOG_LEVEL": "debug",
                "WATCHWORD_SCRIPT_WORKERS": "1",
                "WATCHWORD_CONNECT_SECONDS": "5",
                **{
                    f"WATCHWORD_SECRET_{name.upper()}": value
                    for name, value in planted.items()
                    if name not in {"orders", "clear"}
                },
            },
        )
        try:
            _live(place, postgresql_tls, mariadb_tls, mongodb_auth)
            yield place
        finally:
            for process in place.running:
                process.kill()
                process.wait()


def _live(place: Place, postgresql_tls: Any, mariadb_tls: Any, mongodb_auth: Any) -> None:
    assert place.run("init", user="admin").returncode == 0, place.written
    role = f"watchword_{secrets.token_hex(4)}"
    with psycopg.connect(postgresql_tls.dsn, autocommit=True) as database:
        database.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{place.secrets['orders']}'")
        database.execute(f"GRANT pg_read_all_settings TO {role}")
        _write_inventory(place, role, postgresql_tls, mariadb_tls, mongodb_auth)
        assert place.run("apply", str(place.folder / "watchword.yaml"), "--yes").returncode == 0, place.written
        for stage, log_format in (
            ("scheduler", "json"),
            ("checker", "json"),
            ("checker", "text"),
            ("publisher", "text"),
            ("silencer", "json"),
        ):
            place.serve(stage, WATCHWORD_LOG_FORMAT=log_format)
        try:
            database.execute(f"CREATE ROLE {role}_boss LOGIN SUPERUSER")
            _life_of_an_alert(place, f"{role}_boss", lambda: database.execute(f"DROP ROLE {role}_boss"))
            _what_fails(place)
        finally:
            database.execute(f"DROP ROLE IF EXISTS {role}_boss")
            database.execute(f"DROP OWNED BY {role}")
            database.execute(f"DROP ROLE {role}")


def _write_inventory(place: Place, role: str, postgresql_tls: Any, mariadb_tls: Any, mongodb_auth: Any) -> None:
    """One target that works, and one for each way to fail a login."""

    def target(name: str, server: Any, **more: object) -> dict[str, object]:
        return {"name": name, "engine": server.engine, "host": server.host, "port": server.port, **more}

    verified = {"mode": "verify-full", "ca_file": "pg.pem"}
    inventory = {
        "targets": [
            target("orders", postgresql_tls, user=role, database="postgres", tls=verified, password={"file": "orders"}),
            target(
                "wrong",
                postgresql_tls,
                user=role,
                database="postgres",
                tls={"mode": "require"},
                password={"env": "WATCHWORD_SECRET_WRONG"},
            ),
            {
                "name": "unreachable",
                "engine": "postgresql",
                "host": "127.0.0.1",
                "port": free_port(),
                "user": "watchword",
                "password": {"env": "WATCHWORD_SECRET_UNREACHABLE"},
            },
            target("mysql", mariadb_tls, user="nobody", password={"env": "WATCHWORD_SECRET_MYSQL"}),
            target("mongodb", mongodb_auth, user="nobody", password={"env": "WATCHWORD_SECRET_MONGODB"}),
        ],
        "checks": ["./checks"],
        "alertmanagers": [
            {
                "url": place.alertmanager_url,
                "basic_auth": {"username": "watchword", "password": {"file": "am"}},
                "tls": {"ca_file": "authority.pem"},
            }
        ],
        # An Alertmanager is no Prometheus, and knows no bearer token: whatever it answers may be told.
        "metrics": {
            "url": place.alertmanager_url,
            "bearer_token": {"env": "WATCHWORD_SECRET_METRICS"},
            "tls": {"ca_file": "authority.pem"},
        },
    }
    (place.folder / "watchword.yaml").write_text(json.dumps(inventory))
    (place.folder / "checks").mkdir()
    (place.folder / "checks" / "metrics.yml").write_text(
        "checks:\n"
        "  - version: 2\n"
        "    name: asks_for_metrics\n"
        "    summary: metrics\n"
        "    description: metrics\n"
        "    family: POSTGRESQL\n"
        "    category: configuration\n"
        "    queries:\n"
        "      - type: METRICS_INSTANT\n"
        "        query: pg_up\n"
        "    script: |\n"
        "      def check_context(docs, context):\n"
        "          return []\n"
    )


def _life_of_an_alert(place: Place, role: str, repair: Any) -> None:
    def alerts(**parameters: str) -> list[dict[str, Any]]:
        response = httpx.get(
            f"{place.alertmanager_url}/api/v2/alerts",
            params=parameters,
            auth=("watchword", PASSWORD_OF_ALERTMANAGER),
            verify=place.trust,
            timeout=10,
        )
        response.raise_for_status()
        found: list[dict[str, Any]] = response.json()
        return [
            alert for alert in found if (alert["labels"]["alertname"], alert["labels"].get("role")) == (CHECK, role)
        ]

    place.json("run", "--target", "orders", "--check", CHECK, "--wait", code=1)
    until(lambda: alerts(silenced="false"), "the alert", SECONDS)
    place.look_at_processes()
    muted = place.run("mute", f"orders/{CHECK}", "--for", "1h", "--comment", "known")
    assert muted.returncode == 0, place.written
    until(lambda: not alerts(silenced="false") and alerts(), "the mute", SECONDS)
    repair()
    place.json("run", "--target", "orders", "--check", CHECK, "--wait")
    until(lambda: not alerts(), "the end of the alert", SECONDS)
    assert place.run("unmute", f"orders/{CHECK}").returncode == 0, place.written


def _what_fails(place: Place) -> None:
    assert place.run("run", "--wait", "--timeout", "60s").returncode in {1, 3}, place.written
    for words in (
        ["targets", "-o", "table"],
        ["targets", "-o", "json"],
        ["alerts", "-o", "json"],
        ["mutes", "-o", "json"],
        ["dead", "list", "-o", "json"],
        ["doctor", "-o", "table"],
        ["doctor", "-o", "json"],
    ):
        assert place.look(*words) in {0, 3}, place.written
    clear = place.folder / "clear.yaml"
    password = place.secrets["clear"]
    clear.write_text(f"targets:\n  - {{name: c, dsn: 'postgresql://u:{password}@h/db'}}\n")
    assert place.look("apply", str(clear), "--yes") == 2
    clear.write_text(f"targets:\n  - {{name: c, dsn: 'postgresql://u:{password}@h:port/db', password: [{password}]}}\n")
    assert place.run("--debug", "apply", str(clear), "--yes").returncode in {2, 3}
    clear.unlink()
    wrong = place.secrets["unused"]
    place.run("--debug", "targets", WATCHWORD_NATS_PASSWORD=wrong)
    place.run("--debug", "targets", WATCHWORD_NATS_URL=f"tls://operator:{wrong}@127.0.0.1:{free_port()}")
    place.run("serve", "checker", WATCHWORD_SLOTS_NOW=wrong, WATCHWORD_NATS_URL=f"nats://u:{wrong}@127.0.0.1:1")
    place.run("--debug", "checks", "try", str(place.folder / "checks" / "metrics.yml"), "--target", "wrong")
    for port in place.ports:
        for path in ("metrics", "readyz", "healthz"):
            place.written[f"{port}/{path}"] = httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=20).content
    for kind in ("alerts", "silences", "status"):
        place.written[f"alertmanager/{kind}"] = httpx.get(
            f"{place.alertmanager_url}/api/v2/{kind}",
            auth=("watchword", PASSWORD_OF_ALERTMANAGER),
            verify=place.trust,
            timeout=20,
        ).content
    place.look_at_processes()
    # A crash that shows where it was, on a stage that holds every secret there is; then the others end cleanly.
    place.running[1].send_signal(signal.SIGABRT)
    place.running[1].wait(20)
    for process in place.running:
        if process.poll() is None:
            process.terminate()
    for process in place.running:
        process.wait(30)


def in_every_form(secret: str) -> list[bytes]:
    """Return the forms in which a secret could appear: as it is, in hexadecimal, and within base64."""
    raw = secret.encode()
    # Of base64 each alignment has a middle part that does not depend on what stands around it.
    shifted = [base64.b64encode(b"x" * shift + raw)[4 * bool(shift) : -4].rstrip(b"=") for shift in range(3)]
    return [raw, raw.hex().encode(), *(form for form in shifted if len(form) >= 8)]


def occurrences(place: Place, content: bytes) -> list[str]:
    return [name for name, secret in place.secrets.items() if any(form in content for form in in_every_form(secret))]


def test_the_whole_life_of_an_alert_needs_no_more_than_each_user_may(place):
    said = place.logs() + (place.folder / "nats" / "nats.log").read_text()
    assert not re.findall(r"(?i)[^\n]*permissions violation[^\n]*", said)


def test_every_stage_ended_as_it_was_told(place):
    codes = [process.returncode for process in place.running]
    assert codes[1] == -signal.SIGABRT
    assert [*codes[:1], *codes[2:]] == [0, 0, 0, 0], place.logs()


def test_the_search_finds_a_secret_where_there_is_one(place):
    login = base64.b64encode(f"watchword:{place.secrets['wrong']}".encode())
    assert occurrences(place, b"x" + login) == ["wrong"]
    assert occurrences(place, (place.folder / "secrets" / "orders").read_bytes()) == ["orders"]
    assert any("orders" in text for text in map(bytes.decode, place.written.values()))


def test_no_command_and_no_endpoint_shows_a_secret(place):
    assert {name: found for name, text in place.written.items() if (found := occurrences(place, text))} == {}


def test_no_process_has_a_secret_among_its_arguments(place):
    assert any(b"serve\x00checker" in one for one in place.arguments)
    ours = [one for one in place.arguments if occurrences(place, one)]
    assert ours == []


def test_no_file_has_a_secret_but_those_that_it_was_given_in(place):
    given = place.folder / "secrets"
    files = [path for path in place.folder.rglob("*") if path.is_file() and given not in path.parents]
    names = {path.name for path in files}
    assert {"checker-1.log", "nats.log", "alertmanager.log"} <= names
    streams = {path.parts[-3] for path in files if path.suffix == ".blk"}
    assert {"CHECK_RESULTS", "CHECK_EVENTS", "MUTES", "ALERT_EVENTS", "KV_watchword_config"} <= streams
    found = {str(path.relative_to(place.folder)): occurrences(place, path.read_bytes()) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


def test_failures_were_really_told(place):
    """Otherwise there was nothing to leak: each of the broken logins is an error that names its target."""
    told = b"".join(place.written.values()).decode()
    for name in ("wrong", "unreachable", "mysql", "mongodb", "asks_for_metrics"):
        assert name in told
    assert "password authentication failed" in told or "login" in told
