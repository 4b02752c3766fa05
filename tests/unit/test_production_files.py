"""The files for production: no secret in them, and what they run exists. (The compose file was validated against the
compose specification's schema by hand; no engine is at hand to run it.)
"""

import re
from pathlib import Path

import pytest
import yaml

from services.checker.settings import CheckerSettings
from services.publisher.settings import PublisherSettings
from services.silencer.settings import SilencerSettings
from shared.nats_users import users
from shared.settings import ProcessSettings
from watchword.nats_configuration import password_variable

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
USERS = {user.name: user for user in users()}
PASSWORDS = {password_variable(user) for user in users()}
STAGES = ("scheduler", "checker", "publisher", "silencer")


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_is_served_after_the_streams_were_made(stage):
    service = COMPOSE["services"][stage]
    assert service["command"] == ["serve", stage]
    assert service["depends_on"]["init"] == {"condition": "service_completed_successfully"}


def test_every_variable_is_one_that_the_program_reads():
    known = {
        f"WATCHWORD_{name.upper()}"
        for model in (ProcessSettings, CheckerSettings, PublisherSettings, SilencerSettings)
        for name in model.model_fields
    }
    for name, service in COMPOSE["services"].items():
        assert set(service.get("environment", {})) <= (known if name != "nats" else PASSWORDS)


def test_no_secret_stands_in_the_compose_file():
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if any(word in name for word in ("PASSWORD", "TOKEN", "SECRET_")):
                assert re.fullmatch(r"\$\{WATCHWORD_NATS_[A-Z_]+_PASSWORD:\?\}", value), name


@pytest.mark.parametrize(
    ("service", "user"), [*((stage, stage) for stage in STAGES), ("init", "admin"), ("apply", "operator")]
)
def test_each_program_has_its_own_user_on_nats(service, user):
    environment = COMPOSE["services"][service]["environment"]
    assert environment["WATCHWORD_NATS_USER"] == USERS[user].name
    assert environment["WATCHWORD_NATS_INBOX_PREFIX"] == USERS[user].inbox_prefix
    assert environment["WATCHWORD_NATS_PASSWORD"] == f"${{{password_variable(USERS[user])}:?}}"
    assert environment["WATCHWORD_NATS_ADDRESSED_ONLY"] == "true"


def test_the_nats_server_gets_a_password_for_every_user():
    environment = COMPOSE["services"]["nats"]["environment"]
    assert environment == {variable: f"${{{variable}:?}}" for variable in PASSWORDS}


def test_every_mounted_file_of_the_repository_exists():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./deploy"):
                assert (ROOT / source).is_file()
