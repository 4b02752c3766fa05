"""Reading the settings of a process from its environment, with an error that names the variable to correct."""

from typing import TypeVar

from pydantic import ValidationError

from shared.errors import WatchwordError
from shared.settings import ProcessSettings

Settings = TypeVar("Settings", bound=ProcessSettings)


class EnvironmentRefused(WatchwordError):
    """A variable of the environment has a value that it can't have."""


def read_environment(kind: type[Settings], **over: object) -> Settings:
    """Return the settings of the environment with some of them put over. Raises ``EnvironmentRefused``."""
    try:
        settings = kind()
    except ValidationError as refused:
        told = [
            f"WATCHWORD_{'_'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in refused.errors(include_url=False, include_input=False)
        ]
        raise EnvironmentRefused("; ".join(told)) from None
    return settings.model_copy(update=over)
