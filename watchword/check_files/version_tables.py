"""What the version checks know of versions: ``versions.yml`` beside this module, and a copy of what each check needs of
it in its script, since scripts load nothing. A copy stands between two comments and is written by
``python -m watchword.check_files.version_tables`` (``make versions``); the rest of a check's file is left as it is.
"""

import datetime as dt
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from shared.errors import WatchwordError
from watchword.check_files.library import built_in_folder

DATA = Path(__file__).with_name("versions.yml")
BEGIN = "# --- Written by `make versions` from watchword/check_files/versions.yml; change it there. ---"
END = "# --- Until here. ---"
NEVER = 1_000_000
"""Stands for the release that would have fixed a vulnerability in a series that ended without it."""

_INDENT = 6
_WIDTH = 118
_COPY = re.compile(rf"^ *{re.escape(BEGIN)}\n.*?^ *{re.escape(END)}\n", re.MULTILINE | re.DOTALL)
_PRODUCTS = {"postgresql": ("PostgreSQL",), "mysql": ("MySQL", "MariaDB"), "mongodb": ("MongoDB",)}

Cve = str
Severity = Literal["critical", "error", "warning"]


class VersionTablesBroken(WatchwordError):
    """The data about versions, or a file that should carry a copy of it, is not as it has to be."""


class Fix(BaseModel):
    """Vulnerabilities that the same releases fix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_fixed: tuple[str, ...]
    never_fixed: tuple[str, ...] = ()
    severity: Severity
    source: str = Field(pattern=r"^https://")
    cves: dict[Cve, float | None] = Field(min_length=1)

    @property
    def limits(self) -> dict[str, int]:
        """Return for each series the number of the first release that is not affected."""
        fixed = {series: int(number) for series, _, number in (first.rpartition(".") for first in self.first_fixed)}
        return fixed | dict.fromkeys(self.never_fixed, NEVER)


class Product(BaseModel):
    """What is known of the versions of one product."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    advisories_until: dt.date
    sources: tuple[str, ...] = Field(min_length=1)
    end_of_life: dict[str, dt.date]
    fixes: tuple[Fix, ...]


class VersionTables(BaseModel):
    """All that is known, and when a person last looked."""

    model_config = ConfigDict(frozen=True)

    made_on: dt.date
    products: dict[str, Product]


def version_tables() -> VersionTables:
    """Read the data."""
    data = yaml.safe_load(DATA.read_text("utf-8"))
    return VersionTables(made_on=data.pop("made_on"), products=data)


def version_checks(folder: Path) -> Iterator[Path]:
    """Yield the files of the checks that carry a copy."""
    for path in sorted(folder.rglob("*.yml")):
        if BEGIN in path.read_text("utf-8"):
            yield path


def written(path: Path, tables: VersionTables) -> str:
    """Return the text that a check's file has when its copy is up to date."""
    text = path.read_text("utf-8")
    if len(_COPY.findall(text)) != 1:
        message = f"{path} has to hold the line {BEGIN!r} and, below it, {END!r}, once each"
        raise VersionTablesBroken(message)
    copy = textwrap.indent("\n".join(_copy(path.stem, tables)), " " * _INDENT)
    return _COPY.sub(lambda _: copy + "\n", text)


def _copy(name: str, tables: VersionTables) -> Iterator[str]:
    engine, _, kind = name.partition("_")
    products = {product: tables.products[product] for product in _PRODUCTS[engine]}
    yield BEGIN
    if kind == "end_of_life":
        yield from _end_of_life(products)
        yield _DAY_NUMBER
    elif kind == "known_vulnerable":
        yield from _fixes(products)
        yield _VULNERABLE
    elif kind == "version_table_old":
        yield f'MADE_ON = "{tables.made_on}"'
        yield _DAY_NUMBER
        yield _TABLE_OLD
    else:
        message = f"{name} is not one of the version checks that are known here"
        raise VersionTablesBroken(message)
    yield END


def _end_of_life(products: Mapping[str, Product]) -> Iterator[str]:
    yield "END_OF_LIFE = {"
    for name, product in products.items():
        yield f'    "{name}": {{'
        yield from _lines(8, [f'"{series}": "{day}"' for series, day in product.end_of_life.items()])
        yield "    },"
    yield "}"


def _fixes(products: Mapping[str, Product]) -> Iterator[str]:
    yield "ADVISORIES_UNTIL = {"
    yield from _lines(4, [f'"{name}": "{product.advisories_until}"' for name, product in products.items()])
    yield "}"
    yield f"NEVER = {NEVER}"
    yield "# Each: severity, for each series the first release that is not affected, vulnerabilities with scores."
    yield "FIXES = {"
    for name, product in products.items():
        yield f'    "{name}": ['
        for fix in product.fixes:
            yield f'        ("{fix.severity}", {{'
            yield from _lines(
                12, [f'"{series}": {"NEVER" if first == NEVER else first}' for series, first in fix.limits.items()]
            )
            yield "        }, ["
            yield from _lines(12, [f'("{cve}", "{score or ""}")' for cve, score in fix.cves.items()])
            yield "        ]),"
        yield "    ],"
    yield "}"


def _lines(indent: int, items: Sequence[str]) -> list[str]:
    """Return items with commas behind them, as many on a line as it holds."""
    protected = " ".join(item.replace(" ", "\0") + "," for item in items)
    filled = textwrap.wrap(protected, _WIDTH - _INDENT - indent, break_long_words=False, break_on_hyphens=False)
    return [" " * indent + line.replace("\0", " ") for line in filled]


_DAY_NUMBER = '''
def day_number(date):
    """Count the days from 1970-01-01 to a date."""
    year, month, day = [int(part) for part in date.split("-")]
    if month <= 2:
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
'''

_VULNERABLE = '''
def vulnerabilities(product, series, number, context):
    """Return the one finding about a release: how bad it is, what fixes it, and what is known of it."""
    accepted = context.get("parameters", {}).get("accepted", [])
    known = []
    worst = ""
    needed = 0
    for severity in ["critical", "error", "warning"]:
        for fix in FIXES[product]:
            cves = [cve for cve in fix[2] if cve[0] not in accepted]
            if fix[0] != severity or number >= fix[1].get(series, 0) or not cves:
                continue
            worst = worst or severity
            needed = max(needed, fix[1][series])
            known += ["{} ({})".format(cve, score) if score else cve for cve, score in cves]
    if not known:
        return []
    release = "{} {}.{}".format(product, series, number)
    if needed == NEVER:
        remedy = "no release of {} fixes them all".format(series)
    else:
        remedy = "{}.{} fixes them".format(series, needed)
    more = "" if len(known) <= 20 else ", and {} more".format(len(known) - 20)
    description = "{} that were published until {} affect this release: {}{}. Only its number is looked at; " + \\
                  "where a distributor mends without changing it, name what is mended in the parameter accepted."
    return [{
        "summary": "{} has known vulnerabilities; {}".format(release, remedy),
        "description": description.format(len(known), ADVISORIES_UNTIL[product], ", ".join(known[:20]), more),
        "severity": worst,
        "labels": {"product": product, "version": series},
        "read_more_url": "https://nvd.nist.gov/vuln/detail/" + known[0].split(" ")[0],
    }]
'''

_TABLE_OLD = '''
def old_table(today, context):
    """Return a finding when the tables of the version checks are too old to be relied upon."""
    age = today - day_number(MADE_ON)
    if age <= context.get("parameters", {}).get("warn_days", 180):
        return []
    return [{
        "summary": "What is known of versions and vulnerabilities is out of date",
        "description": "The table was made on {}, {} days ago by this server's date.".format(MADE_ON, age),
        "severity": "notice",
        "read_more_url": "https://nvd.nist.gov/vuln/search",
    }]
'''


def main() -> None:
    """Write every copy."""
    tables = version_tables()
    for path in version_checks(built_in_folder()):
        path.write_text(written(path, tables), "utf-8")


if __name__ == "__main__":
    main()
