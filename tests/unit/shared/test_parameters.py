"""Which values the parameters of a check have on a target."""

import pytest

from shared.checks import Parameter
from shared.configuration import ParametersSet
from shared.parameters import parameter_names, parameters_of
from tests.unit.shared.inventory import Written, a_check, a_target

CHECK = a_check(parameters={"most": Parameter(default=1), "names": Parameter(default=("a",))})
STAGING = {"environment": "staging"}
BERLIN = {"environment": "staging", "region": "berlin"}


@pytest.mark.parametrize(
    ("set_for", "labels", "own", "expected"),
    [
        pytest.param([], {}, {}, 1, id="its default"),
        pytest.param([({}, 2)], {}, {}, 2, id="set for all"),
        pytest.param([(STAGING, 3)], {}, {}, 1, id="set for other targets"),
        pytest.param([({}, 2), (STAGING, 3)], BERLIN, {}, 3, id="a label wins over all"),
        pytest.param([(BERLIN, 4), (STAGING, 3), ({}, 2)], BERLIN, {}, 4, id="more labels win over fewer"),
        pytest.param([(BERLIN, 4)], STAGING, {}, 1, id="all labels must agree"),
        pytest.param([(STAGING, 3)], STAGING, {"most": 9}, 9, id="the target itself wins"),
    ],
)
def test_what_is_nearest_to_the_target_wins(
    set_for: list[tuple[dict[str, str], int]], labels: dict[str, str], own: dict[str, int], expected: int
) -> None:
    written = Written()
    for selected, value in set_for:
        written.set(
            ParametersSet(check="c", labels=selected, values={"most": value}),
            *parameter_names("c", selected),
            origin="file",
        )
    target = a_target(labels=labels, parameters={"c": own} if own else {})
    assert parameters_of(CHECK, target, written.view) == {"most": expected, "names": ("a",)}


def test_values_for_parameters_that_the_check_does_not_have_are_left_out() -> None:
    written = Written()
    written.set(ParametersSet(check="c", values={"gone": 1}), *parameter_names("c", {}))
    assert parameters_of(CHECK, a_target(parameters={"c": {"gone": 2}}), written.view) == {"most": 1, "names": ("a",)}
