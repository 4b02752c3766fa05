import pytest

from tests.soak.actions import Apply, Ask, Fault, Mute, Repair, Unmute, Weaken
from tests.soak.plan import DECK, Planner
from tests.soak.weaknesses import places

PLACES = places(5, 4)


def steps(seed, rounds=20):
    planner = Planner(seed, PLACES)
    return planner, [step for _ in range(rounds) for step in planner.round(24, 6)]


def test_the_seed_decides_everything():
    assert steps(7)[1] == steps(7)[1]
    assert steps(7)[1] != steps(8)[1]


def test_a_soak_of_some_rounds_sees_every_kind_of_fault():
    _, planned = steps(3, rounds=len(DECK) // 6 + 1)
    assert {step.action for step in planned if isinstance(step.action, Fault)} == set(DECK)


@pytest.mark.parametrize("seed", range(5))
def test_the_plan_never_contradicts_itself(seed):
    start = Planner(seed, PLACES)
    weak, inventory, muted = set(start.weak), start.inventory, {}
    for step in steps(seed)[1]:
        match step.action:
            case Weaken(weakness):
                assert weakness not in weak
                weak.add(weakness)
            case Repair(weakness):
                weak.remove(weakness)
            case Apply(changed, what, touched):
                assert changed != inventory
                assert bool(touched) == (what != "move")
                inventory = changed
            case Ask(targets, checks):
                for target in targets or ():
                    assert inventory.has_work(target)
                    assert all(inventory.is_on(check, target) for check in checks or ())
            case Mute(number):
                muted[number] = step.action
            case Unmute(number, target, check):
                mute = muted.pop(number)
                assert (mute.target, mute.check) == (target, check)


def test_nearly_all_targets_stay_in_the_inventory():
    planner, _ = steps(11, rounds=50)
    assert len(planner.inventory.targets) >= len(PLACES) - 3
