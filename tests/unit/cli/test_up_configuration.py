import pytest

from shared import subjects
from shared.configuration import Alertmanager, Alertmanagers
from tests.unit.inventory.samples import Bucket, a_check, an_inventory, bucket_with
from watchword.inventory.settings import AUTHOR as FILE
from watchword.up_configuration import AUTHOR as UP
from watchword.up_configuration import ChoicesRefused, given_alertmanagers, named_by_others, plan_built_in

ALERTMANAGERS = (Alertmanager(name="a", urls=("http://a",)),)
FILE_WITH_ONE = an_inventory(settings={("alertmanagers",): Alertmanagers(author=FILE, alertmanagers=ALERTMANAGERS)})


def a_bucket(origin: str, author: str) -> Bucket:
    bucket = Bucket()
    setting = Alertmanagers(author=author, alertmanagers=ALERTMANAGERS)
    bucket.put(subjects.setting_key(origin, "alertmanagers"), setting)
    return bucket


@pytest.mark.parametrize(
    ("bucket", "inventory", "expected"),
    [
        pytest.param(Bucket(), None, False, id="nobody"),
        pytest.param(Bucket(), FILE_WITH_ONE, True, id="the file"),
        pytest.param(a_bucket("file", FILE), None, True, id="what was applied before"),
        pytest.param(a_bucket("file", FILE), an_inventory(), False, id="what this file takes back"),
        pytest.param(a_bucket("file", UP), None, False, id="an earlier up"),
        pytest.param(a_bucket("person", "ada"), an_inventory(), True, id="a person"),
    ],
)
def test_an_alertmanager_is_started_unless_somebody_else_named_one(
    bucket: Bucket, inventory: object, expected: bool
) -> None:
    assert named_by_others(bucket.snapshot.view, inventory) == expected  # type: ignore[arg-type] # an inventory or None


def test_alertmanagers_of_the_command_line_are_single_ones_or_clusters() -> None:
    one, two = given_alertmanagers(["http://a:9093/", "https://b/x,https://c/x"], None)
    assert (one.name, one.urls) == ("a:9093", ("http://a:9093",))
    assert two.urls == ("https://b/x", "https://c/x")


@pytest.mark.parametrize("url", ["a:9093", "", "ftp://a", "http://u:p@a"])
def test_what_is_no_url_of_an_alertmanager_is_refused(url: str) -> None:
    with pytest.raises(ChoicesRefused, match="http://host:9093/path"):
        given_alertmanagers([url], None)


def test_alertmanagers_of_the_command_line_and_of_the_file_contradict_each_other() -> None:
    with pytest.raises(ChoicesRefused, match="keep one of them"):
        given_alertmanagers(["http://a"], FILE_WITH_ONE)


def test_without_a_file_the_built_in_checks_are_brought_to_this_version_and_all_else_stays() -> None:
    bucket = bucket_with(
        a_check("pg_same"),
        a_check("pg_old"),
        a_check("pg_changed", script="old"),
        a_check("pg_own", source="mine.yaml"),
    )
    built_in = (a_check("pg_same"), a_check("pg_new"), a_check("pg_changed", script="new"), a_check("pg_own"))
    plan = plan_built_in(built_in, bucket.snapshot)
    assert [(step.action, step.names[0]) for step in plan.steps] == [
        ("add", "pg_new"),
        ("change", "pg_changed"),
        ("remove", "pg_old"),
    ]
    bucket.write(plan)
    assert plan_built_in(built_in, bucket.snapshot).steps == ()
