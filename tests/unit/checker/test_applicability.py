import pytest

from services.checker.applicability import version_numbers, why_not
from services.checker.engines.protocol import Server


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("10.11.19-MariaDB-0+deb12u1", (10, 11, 19)),
        ("18.6", (18, 6)),
        ("8.2.11", (8, 2, 11)),
        ("devel", ()),
        ("9" * 5000, (int("9" * 18),)),
    ],
)
def test_version_is_its_leading_numbers(version, numbers):
    assert version_numbers(version) == numbers


@pytest.mark.parametrize(
    ("bounds", "version", "applies"),
    [
        (">=15", "15.3", True),
        (">=15", "14.9", False),
        ("<=15", "15.3", True),
        (">15", "15.3", False),
        (">15", "16.0", True),
        (">=10.2, <12", "11.4.2-MariaDB", True),
        (">=10.2, <12", "12.0.1-MariaDB", False),
        ("=8.0", "8.0.36", True),
        ("", "1", True),
        (">=" + "9" * 5000, "1", False),
    ],
)
def test_bounds_on_the_version_decide(inventory, bounds, version, applies):
    check = inventory.check("c", requires={"versions": bounds})
    assert (why_not(check, Server("postgresql", "postgresql", version, is_encrypted=False)) is None) == applies


def test_other_flavour_is_skipped_with_the_reason(inventory):
    check = inventory.check("c", engine="mysql", requires={"flavours": ["mysql", "percona"]})
    reason = why_not(check, Server("mysql", "mariadb", "11.4.2", is_encrypted=True))
    assert reason == "applies to mysql, percona; this server is mariadb"
