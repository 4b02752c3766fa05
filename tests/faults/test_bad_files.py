"""Files that are nearly right, or not at all: check files, inventories and secrets, each broken in thousands of ways
from a seed, through the readers that the commands use. Each is taken or refused with its place and what is wrong,
quickly, and without showing a secret.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.check_files.reading import read_content
from shared.check_files.yaml_nodes import MAX_NODES
from shared.secrets import SecretMissing, secret_value
from shared.targets import SecretReference
from watchword.inventory.problems import InventoryRefused
from watchword.inventory.reading import InventoryMissing, read_inventory

SEED = 20261129
COUNT = 2_000
LONGEST_SECONDS = 1.0
CANARY = "Canary-7c1e"
CHECKS = sorted((Path(__file__).parents[2] / "checks").rglob("*.yml"))
INVENTORY = f"""
installation: http://127.0.0.1:1/
targets:
  - name: orders
    engine: postgresql
    host: 127.0.0.1
    port: 5432
    user: watchword
    password: {{env: WATCHWORD_SECRET_ORDERS}}
    labels: {{team: payments, tier: "1"}}
    tls: {{mode: verify-full, ca_file: ca.pem}}
    pool: default
  - name: clear
    engine: mysql
    host: 127.0.0.1
    password: {CANARY}
  - dsn: postgresql://watchword:{CANARY}@127.0.0.1:5432/postgres
    name: dsn
schedules: {{standard: 12h}}
alertmanagers:
  - name: main
    url: http://127.0.0.1:9093
"""
PIECES = (
    "&a [*a, *a]",
    "&x {<<: *x}",
    "!!python/object/apply:os.system ['true']",
    "!!binary aGVsbG8=",
    "!<tag:yaml.org,2002:int> x",
    "{" * 2000,
    "[" * 5000 + "]" * 5000,
    "- " * 3000,
    "? " * 500,
    "9" * 5000,
    "1e999",
    ".nan",
    "0o777",
    "2026-02-30",
    "yes",
    "~",
    "\t",
    "\x00",
    "\u202e\u0301\ufeff",
    "\U0001f4a9" * 300,
    "'",
    '"\\ud800"',
    "|\n  " + "x" * 1_000_000,
    "x" * 1_000_000,
    "---\n---\n",
    "%YAML 9.9\n---\n",
    "<<: [1, 2]",
    "\n".join(f"a{number}: &a{number} [*a{max(number - 1, 0)}, *a{max(number - 1, 0)}]" for number in range(40)),
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]",
)


def broken(chance: random.Random, valid: str) -> bytes:
    """Return a text of which some lines are something else, or some bytes."""
    lines = valid.splitlines()
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        match chance.randrange(10):
            case 0:
                del lines[at : at + chance.randint(1, 3)]
            case 1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 2:
                lines[at] = "  " * chance.randint(0, 4) + lines[at].lstrip()
            case 3:
                lines[at] = lines[at].partition(":")[0] + ": " + chance.choice(PIECES)
            case 4:
                lines.insert(at, chance.choice(PIECES))
            case 5:
                lines[at] = lines[at].replace(" ", chance.choice(("", "\t", "  ", "\u00a0")), 1)
            case 6:
                key, colon, value = lines[at].partition(":")
                lines[at] = f"{value}{colon}{key}"
            case 7 | 8:
                within = chance.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:within] + chance.choice(" %@:/?#['\"") + lines[at][within:]
            case _:
                lines[at] = lines[at] * chance.choice((1, 2, 50))
        lines = lines or ["{}"]
    content = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
    if chance.random() < 0.3:
        for _ in range(chance.randint(1, 5)):
            content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)


def in_time(read: Callable[[], list[str]], what: str) -> list[str]:
    # The processor's time, for the machine may be busy with others.
    began = time.process_time()
    problems = read()
    took = time.process_time() - began
    assert took < LONGEST_SECONDS, (what, took)
    assert all(len(problem) < 3000 for problem in problems), what
    return problems


def test_any_check_file_is_taken_or_refused_with_its_place(tmp_path: Path):
    chance = random.Random(SEED)
    refused = 0
    for number in range(COUNT):
        content = broken(chance, chance.choice(CHECKS).read_text())
        (tmp_path / "last.yml").write_bytes(content)  # what a failure can be looked at by

        def read(content: bytes = content) -> list[str]:
            reading = read_content(content, tmp_path / "last.yml")
            assert reading.checks or reading.problems or not content.strip()
            return [str(problem) for problem in reading.problems]

        problems = in_time(read, f"seed {SEED}, file {number}")
        assert all(problem.startswith(f"{tmp_path}/last.yml:") for problem in problems)
        refused += any(": error: " in problem for problem in problems)
    assert refused > COUNT / 4
    assert refused < COUNT


def merges_of_merges(count: int, fields: int) -> str:
    """Return mappings of which each takes in the one before it, and all that this one took in."""
    lines = []
    for number in range(count):
        own = ", ".join(f"f{number}_{field}: 1" for field in range(fields))
        lines.append(f"m{number}: &m{number} {{{f'<<: *m{number - 1}, ' if number else ''}{own}}}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("- a\n" * (10 * MAX_NODES), "more than 200,000 values", id="values"),
        pytest.param(merges_of_merges(400, 200), "more than 1,000 merged fields", id="merges of merges"),
    ],
)
def test_a_file_that_would_take_long_is_refused_before_it_does(content: str, message: str):
    """Not much later than one that is as large as it may be was read; unbounded these take ten times as long."""
    path, largest = Path("last.yml"), "- a\n" * (MAX_NODES - 1)
    began = time.process_time()
    read_content(largest.encode(), path)
    read = time.process_time()
    problems = read_content(content.encode(), path).problems
    assert time.process_time() - read < 3 * (read - began)
    assert message in str(problems[-1])


def test_any_inventory_is_taken_or_refused_with_its_place_and_without_its_secrets(tmp_path: Path):
    chance = random.Random(SEED)
    file = tmp_path / "watchword.yaml"
    refused = 0
    for number in range(COUNT):
        content = broken(chance, INVENTORY)
        file.write_bytes(content)

        def read() -> list[str]:
            try:
                inventory = read_inventory(file, [])
            except InventoryRefused as refusal:
                return [str(problem) for problem in refusal.problems]
            except InventoryMissing as missing:
                return [str(missing)]
            return [str(problem) for problem in inventory.warnings]

        problems = in_time(read, f"seed {SEED}, file {number}")
        assert all(problem.startswith(str(file)) for problem in problems)
        assert not [problem for problem in problems if CANARY in problem], number
        refused += bool(problems)
    assert refused > COUNT / 4


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="an empty line"),
        pytest.param(CANARY.encode() + b"\nsecond", id="two lines"),
        pytest.param(CANARY.encode() + b"\x00", id="NUL"),
        pytest.param(CANARY.encode() + b"\xff", id="not UTF-8"),
        pytest.param(CANARY.encode("utf-16"), id="UTF-16"),
        pytest.param(CANARY.encode() * 10_000, id="large"),
    ],
)
def test_a_secret_that_is_none_is_refused_without_being_shown(tmp_path: Path, content: bytes):
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(SecretMissing) as refused:
        secret_value("the password of one", SecretReference(file="one"), tmp_path, {})
    assert "one" in str(refused.value)
    assert CANARY not in f"{refused.value!r} {refused.value.__context__!r} {refused.value.__cause__!r}"
