"""The files for production: no secret in them, and what they run exists. (The compose file was validated against the
compose specification's schema by hand; no engine is at hand to run it.)
"""

from pathlib import Path

import pytest
import yaml

from services.checker.settings import CheckerSettings
from services.publisher.settings import PublisherSettings
from services.silencer.settings import SilencerSettings
from shared.settings import ProcessSettings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
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
    for service in COMPOSE["services"].values():
        assert set(service.get("environment", {})) <= known


def test_no_secret_stands_in_the_compose_file():
    names = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    assert not any(word in name for name in names for word in ("PASSWORD", "TOKEN", "SECRET_"))


def test_every_mounted_file_of_the_repository_exists():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./deploy"):
                assert (ROOT / source).is_file()
