"""The users of NATS in ``deploy/nats``: made of the code, with no secret in them."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.errors import NameRefused
from shared.nats_users import EngineTaken, users
from watchword.cli.application import application
from watchword.nats_configuration import VariablesCollide, new_passwords, password_variables, users_file

DEPLOYED = Path(__file__).parents[2] / "deploy" / "nats"


def test_the_checked_in_users_are_those_that_the_code_needs():
    assert (DEPLOYED / "users.conf").read_text() == users_file(users()), (
        "deploy/nats/users.conf is stale; make it anew: watchword nats-users > deploy/nats/users.conf"
    )


def test_no_password_stands_in_the_file():
    passwords = re.findall(r"password: (.*)", (DEPLOYED / "users.conf").read_text())
    assert len(passwords) == len(users())
    assert all(re.fullmatch(r"\$WATCHWORD_NATS_[A-Z_]+_PASSWORD", password) for password in passwords)


def test_the_server_of_production_lets_nobody_in_without_a_user():
    assert re.search(r"^include \"?\./users\.conf\"?$", (DEPLOYED / "nats.conf").read_text(), re.MULTILINE)


def test_each_pool_and_each_producer_has_a_user_of_its_own():
    names = [user.name for user in users(["default", "berlin dc 1"], ["scanner"])]
    assert len(set(names)) == len(names)
    assert {"checker", "checker-berlin=20dc=201", "producer-scanner"} <= set(names)


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mongodb"])
def test_no_other_program_gets_an_engine_of_the_checkers(engine):
    with pytest.raises(EngineTaken, match=engine):
        users(producers=[engine])


@pytest.mark.parametrize("pool", ["", "x" * 121, ">" * 121])
def test_a_pool_that_is_no_name_is_refused(pool):
    with pytest.raises(NameRefused):
        users([pool])


def test_what_a_name_holds_can_widen_no_permission():
    for user in users(["*", ">", 'a" ] }'], ["*", "a.b", '"'])[-8:]:
        assert not any(set('"{}]') & set(subject) for subject in (*user.publish, *user.subscribe))
        assert not any(subject in {">", "*"} for subject in user.publish)
    checker = next(user for user in users(["*"]) if user.name.startswith("checker-"))
    assert "$JS.API.CONSUMER.MSG.NEXT.CHECK_RUNS.now-=2A" in checker.publish


def test_two_users_never_share_a_password():
    with pytest.raises(VariablesCollide, match="a-b and checker-a_b"):
        users_file(users(["a-b", "a_b"]))


def test_every_user_gets_a_long_password_of_its_own():
    lines = dict(line.split("=", 1) for line in new_passwords(users()).splitlines())
    assert list(lines) == password_variables(users())
    assert len(set(lines.values())) == len(lines)
    assert all(len(password) >= 40 and password[0].isalpha() for password in lines.values())


def test_the_file_of_new_passwords_is_for_its_owner_and_never_overwritten(tmp_path):
    place = tmp_path / "passwords.env"
    made = CliRunner().invoke(application, ["nats-users", "--new-passwords", str(place)])
    assert (made.exit_code, place.stat().st_mode & 0o777) == (0, 0o600)
    written = place.read_text()
    assert not any(line.split("=", 1)[1] in made.output for line in written.splitlines())
    again = CliRunner().invoke(application, ["nats-users", "--new-passwords", str(place)])
    assert again.exit_code != 0
    assert place.read_text() == written
