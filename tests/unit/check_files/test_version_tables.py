"""The version checks carry what ``versions.yml`` says, and what it says holds together."""

import datetime as dt
import re
from pathlib import Path

import pytest

from watchword.check_files.library import built_in_folder
from watchword.check_files.version_tables import (
    BEGIN,
    NEVER,
    Product,
    VersionTablesBroken,
    version_checks,
    version_tables,
    written,
)

TABLES = version_tables()
KINDS = ("end_of_life", "known_vulnerable", "version_table_old")

each_product = pytest.mark.parametrize("product", TABLES.products.values(), ids=TABLES.products)


def test_every_engine_has_each_version_check() -> None:
    found = {path.stem for path in version_checks(built_in_folder())}
    assert found == {f"{engine}_{kind}" for engine in ("postgresql", "mysql", "mongodb") for kind in KINDS}


@pytest.mark.parametrize("path", [*version_checks(built_in_folder())], ids=lambda path: path.stem)
def test_the_copy_is_what_the_data_says(path: Path) -> None:
    assert path.read_text("utf-8") == written(path, TABLES), "run `make versions`"


def test_a_changed_table_is_noticed(tmp_path: Path) -> None:
    source = next(path for path in version_checks(built_in_folder()) if path.stem == "postgresql_end_of_life")
    stale = tmp_path / source.name
    stale.write_text(source.read_text("utf-8").replace("2030-11-14", "2031-11-14"), "utf-8")
    assert stale.read_text("utf-8") != written(stale, TABLES)
    assert written(stale, TABLES) == source.read_text("utf-8")


def test_a_copy_without_an_end_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "postgresql_end_of_life.yml"
    broken.write_text(f"      {BEGIN}\n", "utf-8")
    with pytest.raises(VersionTablesBroken, match="postgresql_end_of_life"):
        written(broken, TABLES)


@each_product
def test_every_vulnerability_has_the_form_of_one_and_a_believable_score(product: Product) -> None:
    for fix in product.fixes:
        for cve, score in fix.cves.items():
            assert re.fullmatch(r"CVE-20\d\d-\d{4,}", cve)
            assert score is None or 0 < score <= 10


@each_product
def test_no_fix_is_called_milder_than_its_worst_score(product: Product) -> None:
    for fix in product.fixes:
        if max((score or 0 for score in fix.cves.values()), default=0) >= 7:
            assert fix.severity in {"error", "critical"}, fix


@each_product
def test_no_vulnerability_stands_twice_for_one_series(product: Product) -> None:
    seen = [(series, cve) for fix in product.fixes for series in fix.limits for cve in fix.cves]
    assert len(seen) == len(set(seen))


@each_product
def test_fixed_releases_are_of_series_whose_end_is_known_or_too_new_for_one(product: Product) -> None:
    newest = max(map(_numbers, product.end_of_life))
    for fix in product.fixes:
        for series, first in fix.limits.items():
            assert series in product.end_of_life or _numbers(series) > newest
            assert first == NEVER or first < 1000


def test_nothing_is_known_after_the_day_on_which_the_table_was_made() -> None:
    assert dt.date(2026, 1, 1) < TABLES.made_on
    for product in TABLES.products.values():
        assert product.advisories_until <= TABLES.made_on


def _numbers(series: str) -> tuple[int, ...]:
    return tuple(int(part) for part in series.split("."))
