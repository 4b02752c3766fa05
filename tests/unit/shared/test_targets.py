"""Does a target keep to its limits, so that whoever writes an inventory can't make a checker give its secrets away?"""

import pytest
from pydantic import ValidationError

from shared.checks import Engine
from shared.targets import SecretReference, Target
from tests.unit.shared.inventory import a_target


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param({"env": "WATCHWORD_SECRET_ORDERS"}, id="variable"),
        pytest.param({"file": "orders/password"}, id="file"),
        pytest.param({"file": "..data/password"}, id="name-that-begins-with-dots"),
    ],
)
def test_a_secret_is_a_variable_of_ours_or_a_file_below_the_folder(reference: dict[str, str]) -> None:
    assert SecretReference.model_validate(reference).model_dump(exclude_none=True) == reference


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"env": "WATCHWORD_SECRET_A", "file": "a"}, id="both"),
        pytest.param({"env": "AWS_SECRET_ACCESS_KEY"}, id="another-variable"),
        pytest.param({"env": "WATCHWORD_SECRET_"}, id="prefix-alone"),
        pytest.param({"env": "WATCHWORD_SECRET_A\n"}, id="line-break"),
        pytest.param({"env": "WATCHWORD_NATS_PASSWORD"}, id="our-own-password"),
        pytest.param({"file": "/etc/shadow"}, id="absolute"),
        pytest.param({"file": "../nats/password"}, id="above"),
        pytest.param({"file": "a/../../b"}, id="above-in-the-middle"),
        pytest.param({"file": ""}, id="no-name"),
        pytest.param({"file": "a\x00b"}, id="null-byte"),
        pytest.param({"value": "in clear"}, id="value"),
    ],
)
def test_any_other_reference_is_refused(reference: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SecretReference.model_validate(reference)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"password": "in clear"}, id="password-in-clear"),
        pytest.param({"dsn": "postgresql://u:p@h/d"}, id="unknown-field"),
        pytest.param({"name": ""}, id="no-name"),
        pytest.param({"name": "x" * 121}, id="long-name"),
        pytest.param({"port": 0}, id="port-0"),
        pytest.param({"port": 65536}, id="port-too-high"),
        pytest.param({"engine": "oracle"}, id="unknown-engine"),
        pytest.param({"labels": {"severity": "low"}}, id="reserved-label"),
        pytest.param({"labels": {"service_name": "x"}}, id="reserved-label-service"),
        pytest.param({"labels": {"a-b": "x"}}, id="label-name-with-dash"),
        pytest.param({"labels": {"a\n": "x"}}, id="label-name-with-line-break"),
        pytest.param({"labels": {"1a": "x"}}, id="label-name-with-digit-first"),
        pytest.param({"tls": {"ca_file": "/etc/ssl/x.pem"}}, id="certificate-elsewhere"),
        pytest.param({"tls": {"mode": "maybe"}}, id="unknown-tls-mode"),
    ],
)
def test_a_target_with_a_wrong_field_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Target.model_validate({"name": "t", "engine": "postgresql", **fields})


@pytest.mark.parametrize(
    ("engine", "option"),
    [
        pytest.param("postgresql", "passfile", id="reads-a-file"),
        pytest.param("postgresql", "sslkey", id="reads-a-key"),
        pytest.param("postgresql", "service", id="reads-a-service-file"),
        pytest.param("postgresql", "host", id="another-host"),
        pytest.param("mysql", "read_default_file", id="reads-defaults"),
        pytest.param("mysql", "local_infile", id="lets-the-server-read-files"),
        pytest.param("mongodb", "tlsCertificateKeyFile", id="reads-a-certificate"),
        pytest.param("mongodb", "authMechanismProperties", id="talks-to-others"),
        pytest.param("mongodb", "proxyHost", id="another-way"),
    ],
)
def test_options_that_read_files_or_talk_to_others_are_refused_with_those_allowed(engine: Engine, option: str) -> None:
    with pytest.raises(ValidationError, match=f"option '{option}' is not allowed for {engine}; allowed: "):
        a_target(engine=engine, options={option: "x"})


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        pytest.param({"host": "db"}, "db:5432", id="default-port"),
        pytest.param({"host": "db", "port": 6000}, "db:6000", id="port"),
        pytest.param({"host": "db", "engine": "mysql"}, "db:3306", id="mysql"),
        pytest.param({"host": "db", "engine": "mongodb"}, "db:27017", id="mongodb"),
        pytest.param({"host": "/var/run/postgresql"}, "/var/run/postgresql", id="socket"),
        pytest.param({"host": "a:1,b:2", "engine": "mongodb"}, "a:1,b:2", id="several-hosts"),
        pytest.param({"host": "db", "user": "ann", "database": "d"}, "db:5432", id="without-the-user"),
    ],
)
def test_the_address_is_for_people(fields: dict[str, object], address: str) -> None:
    assert a_target(**fields).address == address


def test_a_target_comes_back_as_it_was_written() -> None:
    target = a_target(
        labels={"team": "payments"},
        password=SecretReference(env="WATCHWORD_SECRET_A"),
        parameters={"c": {"threshold": 5, "names": ("a", "b")}},
    )
    assert Target.model_validate_json(target.model_dump_json()) == target


@pytest.mark.parametrize("field", ["name", "pool"])
def test_a_name_that_can_not_stand_in_a_subject_is_refused(field: str) -> None:
    assert a_target(**{field: "ü" * 60})
    with pytest.raises(ValidationError, match="is longer than 120 bytes"):
        a_target(**{field: "ü" * 61})
