"""Which values do the parameters of a check have on a target? What the target itself says wins, then what is set for
targets with its labels (the more labels a setting names, the more it weighs), then what the check says. Pure.
"""

import hashlib
import json
from collections.abc import Mapping

from shared.checks import Check
from shared.configuration import Configuration, ParametersSet
from shared.targets import Target

KIND = "parameters"
Plain = bool | int | float | str | tuple[str, ...]


def parameter_names(check: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the parts of such a setting's key after its origin: there is one for each check and set of labels."""
    canonical = json.dumps(sorted(labels.items()), ensure_ascii=True)
    return KIND, check, hashlib.sha256(canonical.encode()).hexdigest()[:16]


def parameters_of(check: Check, target: Target, configuration: Configuration) -> dict[str, Plain]:
    """Return the value of every parameter of a check on a target."""
    values = {name: parameter.default for name, parameter in check.parameters.items()}
    settings = configuration.settings_of_check(ParametersSet, KIND, check.name)
    fitting = [setting for setting in settings if setting.labels.items() <= target.labels.items()]
    for setting in sorted(fitting, key=lambda one: (len(one.labels), sorted(one.labels.items()))):
        values |= {name: value for name, value in setting.values.items() if name in values}
    own = target.parameters.get(check.name, {})
    return values | {name: value for name, value in own.items() if name in values}
