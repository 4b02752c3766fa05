"""The settings that were read from an inventory file so far, and the names that they may speak of. A setting is found
under the parts of its key after ``setting.file``: its kind, and the names of the check and the target that it is for.
"""

from dataclasses import dataclass, field

from shared.configuration import Setting
from watchword.inventory.spots import Spot, nearest_name
from watchword.inventory.targets import SEE_CHECKS

Names = tuple[str, ...]
"""The parts of a setting's key after its origin: the kind, then the names it is for."""

AUTHOR = "watchword apply"
"""Who said it, in every setting that comes from a file; ``apply`` removes only what bears this name."""


@dataclass(slots=True)
class Collected:
    """The settings read so far, each with the spot that said it first."""

    checks: set[str]
    targets: set[str]
    settings: dict[Names, Setting] = field(default_factory=dict)
    said_at: dict[Names, Spot] = field(default_factory=dict)

    def add(self, spot: Spot, setting: Setting, *names: str) -> None:
        """Take in one setting; complain when it was said before."""
        if names in self.settings:
            spot.complain(f"line {self.said_at[names].place.line} says this already", "keep one of them")
            return
        self.settings[names] = setting
        self.said_at[names] = spot

    def is_check(self, spot: Spot, name: str) -> bool:
        """Say whether there is such a check; complain when there is none."""
        if name not in self.checks:
            spot.complain(f"there is no check {name!r}", nearest_name(name, self.checks, SEE_CHECKS), at=spot.key)
        return name in self.checks

    def is_target(self, spot: Spot, name: str) -> bool:
        """Say whether the file has such a target; complain when it has none."""
        if name not in self.targets:
            hint = nearest_name(name, self.targets, "this file has no targets")
            spot.complain(f"there is no target {name!r} in this file", hint, at=spot.key)
        return name in self.targets
