"""Which exit code a failure means. What is no failure that somebody foresaw is a bug, and shown as one."""

import nats.errors
from pydantic import ValidationError

from shared.errors import NameRefused, ScheduleRefused, WatchwordError
from watchword.cli.exits import COULD_NOT_LOOK, WRONG_USAGE, WrongUsage
from watchword.environment import EnvironmentRefused, is_of_environment, refusal_of
from watchword.inventory.planning import WouldRemoveEverything
from watchword.inventory.problems import InventoryRefused
from watchword.inventory.reading import InventoryMissing
from watchword.up_configuration import ChoicesRefused

_WRONG_USAGE = (
    ChoicesRefused,
    InventoryMissing,
    InventoryRefused,
    NameRefused,
    ScheduleRefused,
    WouldRemoveEverything,
    WrongUsage,
    EnvironmentRefused,
)
_COULD_NOT_LOOK = (WatchwordError, nats.errors.Error, TimeoutError, OSError)


def unwrapped(failed: BaseException) -> BaseException:
    """Return what really failed: task groups wrap a single failure in a group."""
    while isinstance(failed, BaseExceptionGroup) and len(failed.exceptions) == 1:
        failed = failed.exceptions[0]
    if isinstance(failed, ValidationError) and is_of_environment(failed):
        return refusal_of(failed)
    return failed


def exit_code_of(failed: BaseException) -> int | None:
    """Return the exit code of a failure that was foreseen, None of a bug."""
    if isinstance(failed, _WRONG_USAGE):
        return WRONG_USAGE
    return COULD_NOT_LOOK if isinstance(failed, _COULD_NOT_LOOK) else None


def in_words(failed: BaseException) -> str:
    """Return what to say of a failure: what happened and what to do."""
    if isinstance(failed, _COULD_NOT_LOOK):
        return str(failed) or f"{type(failed).__name__}: no answer in time"
    return f"an unexpected failure: {type(failed).__name__}: {failed}. Add --debug to see where, and please report it."
