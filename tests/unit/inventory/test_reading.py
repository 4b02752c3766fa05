import datetime as dt
from pathlib import Path

import pytest

from shared.accepted import exception_names
from shared.checks import Parameter
from shared.configuration import (
    Alertmanagers,
    DeadMansSwitch,
    Disabled,
    Installation,
    Interval,
    MetricsSource,
    Muting,
    ParametersSet,
    RiskAccepted,
    SeverityOverride,
)
from shared.parameters import parameter_names
from shared.severity import Severity
from shared.targets import SecretReference, Tls
from tests.unit.inventory.samples import a_check
from watchword.inventory.problems import InventoryRefused
from watchword.inventory.reading import Inventory, InventoryMissing, read_inventory

OWN_CHECK = """\
checks:
  - version: 2
    name: my_check
    summary: Mine
    description: Mine
    category: security
    family: POSTGRESQL
    advisor: mine
    queries:
      - type: POSTGRESQL_SHOW
    script: |
      def check_context(docs, context):
          return []
"""


BUILT_IN = (
    a_check("pg_superusers", parameters={"most": Parameter(default=3), "names": Parameter(default=("a",))}),
    a_check("pg_trust"),
)


DB = "targets: [{name: db, engine: postgresql, host: x}]\n"


def inventory_of(folder: Path, text: str) -> Inventory:
    file = folder / "watchword.yaml"
    file.write_text(text)
    return read_inventory(file, BUILT_IN)


def mistakes(folder: Path, text: str) -> list[str]:
    """Return what is wrong, each as ``line:column: …``."""
    with pytest.raises(InventoryRefused) as refused:
        inventory_of(folder, text)
    prefix = f"{folder / 'watchword.yaml'}:"
    lines = str(refused.value).splitlines()
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix) for line in lines]


def test_a_target_says_everything_one_by_one(tmp_path: Path) -> None:
    inventory = inventory_of(
        tmp_path,
        """
targets:
  - name: orders-db
    engine: postgresql
    host: db1
    port: 5433
    user: watchword
    database: orders
    password: {env: WATCHWORD_SECRET_ORDERS}
    tls: {mode: verify-ca, ca_file: ca.pem}
    options: {gssencmode: disable}
    labels: {environment: production, shard: 7}
    pool: berlin
    parameters: {pg_superusers: {most: 5, names: [b, c]}}
""",
    )
    target = inventory.targets["orders-db"]
    assert (target.engine, target.host, target.port, target.user) == ("postgresql", "db1", 5433, "watchword")
    assert (target.database, target.pool) == ("orders", "berlin")
    assert target.password == SecretReference(env="WATCHWORD_SECRET_ORDERS")
    assert target.tls == Tls(mode="verify-ca", ca_file="ca.pem")
    assert target.options == {"gssencmode": "disable"}
    assert target.labels == {"environment": "production", "shard": "7"}
    assert target.parameters == {"pg_superusers": {"most": 5, "names": ("b", "c")}}
    assert not inventory.passwords


def test_a_target_may_be_a_url_with_the_password_elsewhere(tmp_path: Path) -> None:
    inventory = inventory_of(
        tmp_path,
        """
targets:
  - {name: a, dsn: "mysql://watch@db:3307/mysql?tls=true", password: {file: a/password}}
  - {name: b, engine: postgresql, dsn: "postgresql://watch@db", tls: require}
""",
    )
    assert inventory.targets["a"].engine == "mysql"
    assert inventory.targets["a"].address == "db:3307"
    assert inventory.targets["a"].tls.mode == "verify-full"
    assert inventory.targets["a"].password == SecretReference(file="a/password")
    assert inventory.targets["b"].tls.mode == "require"


@pytest.mark.parametrize(
    "target",
    [
        '{name: a, dsn: "postgresql://u:hunter2@db"}',
        "{name: a, engine: postgresql, host: db, password: hunter2}",
    ],
    ids=["in the dsn", "in a field of its own"],
)
def test_a_password_in_clear_is_set_aside_with_a_warning(tmp_path: Path, target: str) -> None:
    inventory = inventory_of(tmp_path, f"targets:\n  - {target}\n")
    assert inventory.passwords == {"a": "hunter2"}
    assert "hunter2" not in repr(inventory)
    assert inventory.targets["a"].password is None
    (warning,) = inventory.warnings
    assert warning.line == 2
    assert "watchword up --config" in str(warning)
    assert "hunter2" not in str(warning)


def test_settings_become_entries_of_the_bucket(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN_CHECK)
    inventory = inventory_of(
        tmp_path,
        """
targets: [{name: a, dsn: "postgresql://u@db"}]
checks: [mine.yaml]
settings:
  disabled: [pg_trust, {check: my_check, target: a, reason: not here}]
  intervals:
    standard: 12h
    all: frequent
    checks: {pg_superusers: 15m}
    targets: {a: {pg_superusers: "0 3 * * * Europe/Berlin"}}
alertmanagers:
  - http://am0:9093/alertmanager/
  - urls: [https://am1, https://am2]
    name: pair
    basic_auth: {username: u, password: {env: WATCHWORD_SECRET_AM}}
    tls: {ca_file: am.pem}
  - {url: "http://am3", bearer_token: {file: am/token}}
mute: {default: 8h}
metrics: {url: "http://prometheus:9090", bearer_token: {env: WATCHWORD_SECRET_P}}
dead_mans_switch: {always_firing: true, error_lasts: 2h}
installation: {url: https://watchword.example}
""",
    )
    settings = inventory.settings
    assert set(settings) == {
        ("disabled", "pg_trust"),
        ("disabled", "my_check", "a"),
        ("schedule", "standard"),
        ("schedule", "all"),
        ("interval", "pg_superusers"),
        ("interval", "pg_superusers", "a"),
        ("alertmanagers",),
        ("muting",),
        ("metrics",),
        ("dead-mans-switch",),
        ("installation",),
    }
    by_target = settings["disabled", "my_check", "a"]
    assert isinstance(by_target, Disabled)
    assert (by_target.disabled, by_target.reason) == (True, "not here")
    cron = settings["interval", "pg_superusers", "a"]
    assert isinstance(cron, Interval)
    assert cron.schedule == "0 3 * * * Europe/Berlin"
    managers = settings["alertmanagers",]
    assert isinstance(managers, Alertmanagers)
    first, pair, third = managers.alertmanagers
    assert (first.name, first.urls) == ("am0:9093/alertmanager", ("http://am0:9093/alertmanager",))
    assert (pair.name, pair.urls) == ("pair", ("https://am1", "https://am2"))
    assert pair.credential.username == "u"
    assert pair.credential.password == SecretReference(env="WATCHWORD_SECRET_AM")
    assert pair.credential.tls == Tls(mode="verify-full", ca_file="am.pem")
    assert third.credential.bearer_token == SecretReference(file="am/token")
    muting, metrics = settings["muting",], settings["metrics",]
    assert isinstance(muting, Muting)
    assert muting.default == "8h"
    assert isinstance(metrics, MetricsSource)
    assert metrics.url == "http://prometheus:9090"
    switch = settings["dead-mans-switch",]
    assert isinstance(switch, DeadMansSwitch)
    assert (switch.enabled, switch.always_firing, switch.error_lasts, switch.gone_after) == (True, True, "2h", "5m")
    installation = settings["installation",]
    assert isinstance(installation, Installation)
    assert installation.url == "https://watchword.example"


def test_own_checks_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "mine.yaml").write_text(OWN_CHECK)
    inventory = inventory_of(tmp_path, "checks: [./checks]\n")
    assert set(inventory.checks) == {"pg_superusers", "pg_trust", "my_check"}
    assert inventory.checks["my_check"].source == "checks/mine.yaml"


def test_one_broken_check_file_keeps_only_its_own_checks_from_loading(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(OWN_CHECK)
    (tmp_path / "half.yaml").write_text(OWN_CHECK.replace("my_check", "half").replace("    script", "    scrip"))
    (tmp_path / "bad.yaml").write_text("checks: [")
    inventory = inventory_of(tmp_path, "checks: [good.yaml, half.yaml, bad.yaml]\n")
    assert "my_check" in inventory.checks
    assert inventory.broken_checks == {"half"}
    assert inventory.broken_sources == {"bad.yaml"}
    assert any("bad.yaml:" in str(problem) for problem in inventory.check_problems)


def test_a_check_named_like_a_built_in_one_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN_CHECK.replace("my_check", "pg_trust"))
    inventory = inventory_of(tmp_path, "checks: [mine.yaml]\n")
    (problem,) = inventory.check_problems
    assert "mine.yaml:3:11" in str(problem)
    assert "built-in" in str(problem)
    assert inventory.checks["pg_trust"].source == "built-in"
    assert not inventory.broken_checks


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "targets:\n"], ids=["empty", "comment", "marker", "null"])
def test_an_inventory_that_says_nothing_is_empty(tmp_path: Path, text: str) -> None:
    assert not inventory_of(tmp_path, text).targets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "¦target: []",
            (
                "target: unknown field; did you mean 'targets'?; allowed: targets, checks, settings, "
                "alertmanagers, mute, metrics, dead_mans_switch, installation"
            ),
            id="mistyped section",
        ),
        pytest.param("targets: ¦{}", "targets: must be a list, not fields; begin each item with '- '", id="no list"),
        pytest.param(
            "targets: [¦x]",
            "targets[0]: must be fields (name: value), not a single value; begin a target with '- name: …'",
            id="a target that is text",
        ),
        pytest.param(
            "targets:\n  - ¦engine: mysql\n    host: x",
            "targets[0]: 'name' is missing; name it as it should appear in alerts",
            id="no name",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, ¦prot: 1}",
            (
                "targets[0].prot: unknown field; did you mean 'port'?; allowed: name, engine, dsn, host, port, "
                "user, database, password, tls, options, labels, pool, parameters"
            ),
            id="mistyped field",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, ¦host: x}",
            "targets[0].host: written twice; the first one is on line 2",
            id="twice",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, port: ¦x}",
            "targets[0].port: must be a whole number, not 'x'",
            id="no number",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, port: ¦0}",
            "targets[0].port: input should be greater than or equal to 1",
            id="no port",
        ),
        pytest.param(
            "targets: [{name: a, engine: ¦postgres, host: x}]",
            ("targets[0].engine: can't be 'postgres'; did you mean 'postgresql'?; allowed: postgresql, mysql, mongodb"),
            id="unknown engine",
        ),
        pytest.param(
            "targets: [¦{name: a, engine: mysql}]", "targets[0]: it has no address; give a dsn, or a host", id="no host"
        ),
        pytest.param(
            "targets: [{name: a, engine: ¦mysql, dsn: 'postgresql://x'}]",
            "targets[0].engine: is mysql, but the dsn is the URL of a postgresql server",
            id="engine and dsn differ",
        ),
        pytest.param(
            "targets: [{name: a, dsn: 'postgresql://x', host: ¦y}]",
            ("targets[0].host: the dsn says this already; give either dsn or host, port, user, database, options"),
            id="dsn and host",
        ),
        pytest.param(
            "targets: [{name: a, dsn: ¦'postgresql://x?sslmode=no'}]",
            (
                "targets[0].dsn: option 'sslmode' can't be 'no'; allowed: disable, prefer, require, verify-ca, "
                "verify-full"
            ),
            id="broken dsn",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db}\n  - ¦{name: a, engine: mysql, host: x}",
            "targets[1]: two targets are named 'a'; the first one is on line 2; rename one of them",
            id="two of one name",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, labels: ¦{severity: x}}",
            "targets[0].labels: label 'severity' is set by Watchword itself; choose another name",
            id="reserved label",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, labels: {a: ¦[x]}}",
            "targets[0].labels.a: must be text, not a list",
            id="label as a list",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, password: {env: ¦PGPASSWORD}}",
            "targets[0].password.env: a secret's variable must be named WATCHWORD_SECRET_…, not 'PGPASSWORD'",
            id="a variable that is none of ours",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, password: {file: ¦../x}}",
            (
                "targets[0].password.file: a secret's file is a path below the checkers' secrets folder, "
                "without '..': not '../x'"
            ),
            id="a file elsewhere",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, password: ¦{}}",
            "targets[0].password: give either env or file",
            id="no reference",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, password: ¦$PW}",
            (
                "targets[0].password: variables are not filled in here; write {env: WATCHWORD_SECRET_…} or "
                "{file: path below the secrets folder}"
            ),
            id="a shell's variable",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, tls: {mode: ¦on}}",
            "targets[0].tls.mode: can't be 'on'; allowed: disable, prefer, require, verify-ca, verify-full",
            id="unknown TLS mode",
        ),
        pytest.param(
            "targets:\n  - ¦{name: a, engine: postgresql, host: db, options: {passfile: /x}}",
            (
                "targets[0]: option 'passfile' is not allowed for postgresql; allowed: channel_binding, "
                "gssencmode, hostaddr, options, target_session_attrs"
            ),
            id="option that reads a file",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, parameters: {¦pg_superuser: {most: 1}}}",
            (
                "targets[0].parameters.pg_superuser: there is no check 'pg_superuser'; did you mean "
                "'pg_superusers'?; allowed: pg_superusers, pg_trust"
            ),
            id="parameter of no check",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, parameters: {pg_superusers: {¦mots: 1}}}",
            (
                "targets[0].parameters.pg_superusers.mots: check pg_superusers has no parameter 'mots'; did you "
                "mean 'most'?; allowed: most, names"
            ),
            id="no such parameter",
        ),
        pytest.param(
            ("targets:\n  - {name: a, engine: postgresql, host: db, parameters: {pg_superusers: {most: ¦many}}}"),
            "targets[0].parameters.pg_superusers.most: must be like its default, 3",
            id="parameter of another type",
        ),
        pytest.param(
            "targets:\n  - {name: a, engine: postgresql, host: db, name: x\n¦",
            "not YAML: while parsing a flow mapping, did not find expected ',' or '}'",
            id="no YAML",
        ),
        pytest.param(
            "¦- a",
            (
                "an inventory begins with fields, not with a list; allowed: targets, checks, settings, "
                "alertmanagers, mute, metrics, dead_mans_switch, installation"
            ),
            id="a list",
        ),
        pytest.param(
            "checks: [¦no]",
            "checks[0]: there is no file or folder {folder}/no; paths are relative to this file",
            id="no such folder",
        ),
        pytest.param(
            "settings: {disabled: [¦pg_tust]}",
            (
                "settings.disabled[0]: there is no check 'pg_tust'; did you mean 'pg_trust'?; allowed: "
                "pg_superusers, pg_trust"
            ),
            id="disabled check that is none",
        ),
        pytest.param(
            "settings: {disabled: [{check: pg_trust, ¦target: b}]}",
            "settings.disabled[0].target: there is no target 'b' in this file; this file has no targets",
            id="disabled on no target",
        ),
        pytest.param(
            "settings: {disabled: [pg_trust, ¦pg_trust]}",
            "settings.disabled[1]: line 1 says this already; keep one of them",
            id="disabled twice",
        ),
        pytest.param(
            "settings: {disabled: [¦{reason: x}]}",
            "settings.disabled[0]: 'check' is missing; name the check to disable",
            id="disabled without a check",
        ),
        pytest.param(
            "settings: {intervals: {standard: ¦12x}}",
            (
                "settings.intervals.standard: '12x' is not a duration such as 90s, 15m, 12h or 1d12h; allowed: "
                "standard, frequent, rare, a duration such as 90s, 15m, 12h or 1d, or cron such as '30 3 * * 1 "
                "Europe/Berlin'"
            ),
            id="no duration",
        ),
        pytest.param(
            "settings: {intervals: {standard: ¦frequent}}",
            "settings.intervals.standard: one name can't mean another; give a duration or a cron line",
            id="a name for a name",
        ),
        pytest.param(
            "settings: {intervals: {checks: {pg_trust: ¦'61 * * * *'}}}",
            (
                "settings.intervals.checks.pg_trust: '61 * * * *' is not a cron line that ever fires: Bad "
                "minute; allowed: standard, frequent, rare, a duration such as 90s, 15m, 12h or 1d, or cron "
                "such as '30 3 * * 1 Europe/Berlin'"
            ),
            id="no cron line",
        ),
        pytest.param(
            "settings: {severity: [{check: pg_trust, severity: ¦high}]}",
            "settings.severity[0].severity: can't be 'high'; "
            "allowed: emergency, alert, critical, error, warning, notice, info, debug",
            id="no severity",
        ),
        pytest.param(
            "settings: {severity: [¦{check: pg_trust}]}",
            "settings.severity[0]: 'severity' is missing",
            id="severity of what",
        ),
        pytest.param(
            DB + "settings: {exceptions: [¦{check: pg_trust, target: db, until: 2999-01-01, reason: x}]}",
            "settings.exceptions[0]: 'by' is missing; say who accepts it",
            id="accepted by nobody",
        ),
        pytest.param(
            DB + "settings: {exceptions: [¦{check: pg_trust, target: db, reason: x, by: ada}]}",
            "settings.exceptions[0]: 'until' is missing; an exception ends by itself; give a date such as 2027-01-31",
            id="accepted for ever",
        ),
        pytest.param(
            DB + "settings: {exceptions: [{check: pg_trust, target: db, until: ¦next year, reason: x, by: ada}]}",
            "settings.exceptions[0].until: 'next year' is neither a date such as 2027-01-31 nor a moment such as "
            "2027-01-31T18:00Z",
            id="no date",
        ),
        pytest.param(
            "settings: {parameters: [{check: pg_superusers, values: {¦mots: 1}}]}",
            "settings.parameters[0].values.mots: check pg_superusers has no parameter 'mots'; did you mean 'most'?; "
            "allowed: most, names",
            id="no such parameter in the settings",
        ),
        pytest.param(
            "settings: {parameters: [¦{check: pg_superusers}]}",
            "settings.parameters[0]: 'values' is missing; write `values: {parameter: value}`",
            id="parameters without values",
        ),
        pytest.param(
            "mute: {¦until_resolved: true}", "mute.until_resolved: not supported yet; remove it", id="later, too"
        ),
        pytest.param("mute: {default: ¦400d}", "mute.default: '400d' is longer than a year", id="mute too long"),
        pytest.param(
            "dead_mans_switch: {enabled: ¦maybe}",
            "dead_mans_switch.enabled: can't be 'maybe'; allowed: true, false",
            id="on",
        ),
        pytest.param(
            "dead_mans_switch: {gone_after: ¦0s}",
            "dead_mans_switch.gone_after: must be longer than nothing; write it like 90s, 15m or 12h",
            id="gone at once",
        ),
        pytest.param("mute: {default: ¦0s}", "mute.default: a mute can't last 0s; allowed: up to 365d", id="no mute"),
        pytest.param(
            "alertmanagers: [¦'http://u:hunter2@am']",
            ("alertmanagers[0]: a URL with an account in it would be shown to everybody; write it as basic_auth"),
            id="account in a URL",
        ),
        pytest.param(
            "alertmanagers: [¦am:9093]",
            "alertmanagers[0]: not the URL of an HTTP server; write it like http://host:9093/path",
            id="no URL",
        ),
        pytest.param(
            "alertmanagers: [{urls: ¦[]}]", "alertmanagers[0].urls: must name one Alertmanager at least", id="no member"
        ),
        pytest.param(
            "alertmanagers: ['http://a', ¦'http://a/']",
            "alertmanagers[1]: two Alertmanagers are named 'a'; give one of them a name of its own",
            id="one twice",
        ),
        pytest.param(
            "alertmanagers: [{url: 'http://a', basic_auth: {username: u, password: ¦hunter2}}]",
            (
                "alertmanagers[0].basic_auth.password: a secret in clear can't travel to those who use it; "
                "write {env: WATCHWORD_SECRET_…} or {file: path below the secrets folder}"
            ),
            id="Alertmanager's password in clear",
        ),
        pytest.param(
            "alertmanagers: [{url: 'http://a', basic_auth: ¦{username: u}}]",
            "alertmanagers[0].basic_auth: 'password' is missing",
            id="half an account",
        ),
        pytest.param(
            "installation: {url: ¦ftp://x}",
            "installation.url: not the URL of an HTTP server; write it like http://host:9093/path",
            id="another kind of URL",
        ),
        pytest.param(
            "metrics: ¦{bearer_token: {env: WATCHWORD_SECRET_X}}",
            "metrics: 'url' is missing; write it like http://prometheus:9090",
            id="no URL at all",
        ),
        pytest.param(
            "mute: {}\n---\n¦mute: {}",
            "a second document begins here; keep the whole inventory in one, without '---' between",
            id="two documents",
        ),
    ],
)
def test_a_mistake_is_shown_where_it_stands_with_what_is_allowed(tmp_path: Path, text: str, expected: str) -> None:
    """The mark ¦ in the text is where the mistake has to be shown."""
    before, text = text.split("¦")[0], text.replace("¦", "")
    lines = before.split("\n")
    place = f"{len(lines)}:{len(lines[-1]) + 1}"
    assert mistakes(tmp_path, text) == [f"{place}: {expected.replace('{folder}', str(tmp_path))}"]


def test_all_mistakes_are_shown_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """\
targets:
  - name: a
    engine: oracle
    port: x
    labels: {severity: high}
  - name: a
    engine: mysql
    hots: db
checks: [nowhere]
settings: {disabled: [nothing]}
mute: {default: long}
""",
    )
    assert [line.split(": ")[1] for line in found] == [
        "targets[0]",
        "targets[0].engine",
        "targets[0].port",
        "targets[0].labels",
        "targets[1]",
        "targets[1].hots",
        "checks[0]",
        "settings.disabled[0]",
        "mute.default",
    ]


def test_findings_are_judged_as_the_settings_say(tmp_path: Path) -> None:
    inventory = inventory_of(
        tmp_path,
        """\
targets: [{name: db, engine: postgresql, host: x}]
settings:
  severity:
    - {check: pg_trust, severity: notice}
    - {check: pg_trust, target: db, severity: critical, reason: exposed}
  exceptions:
    - {check: pg_trust, target: db, until: 2999-01-31, reason: lab, by: ada}
    - {check: pg_trust, target: db, labels: {role: x, line: 7}, until: "2999-01-31T18:00+01:00", reason: lab, by: bob}
  parameters:
    - {check: pg_superusers, values: {most: 5}}
    - {check: pg_superusers, labels: {environment: staging}, values: {most: 9, names: [b, c]}, reason: staging}
""",
    )
    settings = inventory.settings
    assert settings["severity", "pg_trust"] == SeverityOverride(author="watchword apply", severity=Severity.NOTICE)
    exposed = SeverityOverride(author="watchword apply", severity=Severity.CRITICAL, reason="exposed")
    assert settings["severity", "pg_trust", "db"] == exposed
    plain = RiskAccepted(
        author="watchword apply",
        reason="lab",
        by="ada",
        check="pg_trust",
        target="db",
        until=dt.datetime(2999, 2, 1, tzinfo=dt.UTC),
    )
    assert settings[exception_names("pg_trust", "db", {})] == plain
    labels = {"role": "x", "line": "7"}
    until = dt.datetime(2999, 1, 31, 17, tzinfo=dt.UTC)
    of_bob = plain.model_copy(update={"by": "bob", "labels": labels, "until": until})
    assert settings[exception_names("pg_trust", "db", labels)] == of_bob
    assert settings[parameter_names("pg_superusers", {})].values == {"most": 5}  # type: ignore[attr-defined] # a ParametersSet
    assert settings[parameter_names("pg_superusers", {"environment": "staging"})] == ParametersSet(
        author="watchword apply",
        reason="staging",
        check="pg_superusers",
        labels={"environment": "staging"},
        values={"most": 9, "names": ("b", "c")},
    )
    assert inventory.warnings == ()


def test_an_exception_whose_time_is_over_and_names_that_are_not_here_are_warnings(tmp_path: Path) -> None:
    inventory = inventory_of(
        tmp_path, "settings: {exceptions: [{check: cve, target: shop, until: 2020-01-31, reason: x, by: ada}]}\n"
    )
    assert [(warning.path.rpartition(".")[2], warning.message) for warning in inventory.warnings] == [
        ("check", "this file has no check 'cve'"),
        ("target", "this file has no target 'shop'"),
        ("until", "its time is over, so nothing is accepted"),
    ]
    assert exception_names("cve", "shop", {}) in inventory.settings


def test_a_name_is_counted_in_bytes(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, f"targets: [{{name: {'ü' * 61}, engine: mysql, host: x}}]")
    assert mistake == "1:18: targets[0].name: is longer than 120 bytes"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryMissing, match=r"there is no file .*nowhere.yaml"):
        read_inventory(tmp_path / "nowhere.yaml", BUILT_IN)


def test_a_file_that_is_no_text_says_where(tmp_path: Path) -> None:
    file = tmp_path / "watchword.yaml"
    file.write_bytes(b"targets: []\n# \xff\n")
    with pytest.raises(InventoryRefused, match=r"watchword.yaml:2:3: not UTF-8 text"):
        read_inventory(file, BUILT_IN)


def test_a_password_appears_in_no_mistake(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """\
targets:
  - {name: a, dsn: "postgresql://u:hunter2@db", password: {env: hunter3, file: x}, prot: 1}
  - {name: b, engine: mysql, host: db, password: [hunter2]}
alertmanagers: [{url: "http://a", bearer_token: hunter2}, {url: "http://b", basic_auth: hunter2}]
""",
    )
    assert len(found) > 3
    assert not any("hunter2" in line for line in found)


def test_a_large_fleet_fits_into_one_file(tmp_path: Path) -> None:
    targets = "".join(
        f"  - {{name: db-{number}, engine: mysql, host: h, labels: {{a: b}}}}\n" for number in range(20_000)
    )
    assert len(inventory_of(tmp_path, f"targets:\n{targets}").targets) == 20_000
