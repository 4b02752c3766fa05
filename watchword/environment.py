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
        raise refusal_of(refused) from None
    return settings.model_copy(update=over)


def is_of_environment(refused: ValidationError) -> bool:
    """Say whether a model that refused something reads the environment; each stage's does when it is imported."""
    return refused.title.endswith("Settings")


def refusal_of(refused: ValidationError) -> EnvironmentRefused:
    """Return which variables to correct. Their values are left out, for some are secrets."""
    told = [
        f"WATCHWORD_{'_'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
        for error in refused.errors(include_url=False, include_input=False)
    ]
    return EnvironmentRefused("; ".join(told))
