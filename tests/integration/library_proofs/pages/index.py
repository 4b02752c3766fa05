"""Which checks are there, what does each look for, and how well is it proven? The index of the pages: by engine, by
category and by the sections of the CIS benchmarks.
"""

from collections.abc import Iterator, Sequence

from tests.integration.library_proofs.pages.markdown import code, plain, table
from tests.integration.library_proofs.pages.page import GENERATED
from tests.integration.library_proofs.pages.proven import ENGINES, WAYS, Proven, in_words, product_of

_WAYS = """\
*Live* is a proof on a real server: the weakness is made, the check finds it with its labels, the check's own fix is
carried out, and the check passes. *Documented* is one on a reply that the vendor's manual documents, where no server of
the tests can be made so: the script finds the weakness in it, and passes on a twin in which just that is changed. It
says that the script is right about such a reply, not that a server gives that reply to the check's queries. Each run
of all tests writes a ledger of what it proved, and fails when a check has no line in it. The page of a check lists its
proofs."""

_LIMITS = """\
- The servers of live proofs are {products}.
  Those of PostgreSQL 15 and MariaDB are the packages of Debian 12; on another distribution the tests take what it has.
- No test has run on MySQL or Percona Server: MariaDB stands for them where they agree, and where they differ their
  documented replies do.
- No test has run on a mongod: SecantusDB speaks MongoDB's wire protocol and has its users, roles and databases, and no
  configuration of MongoDB's own. What is read from a mongod's configuration is proven on documented replies.
- No test has run on a database of a cloud provider."""

_CIS = """\
A reference names the section of a benchmark and no single recommendation, since their numbers change from release to
release. Having checks for a section does not mean that all of its recommendations are checked."""


def index(all_proven: Sequence[Proven]) -> str:
    """Return the index."""
    return "\n".join(_lines(all_proven)) + "\n"


def _lines(all_proven: Sequence[Proven]) -> Iterator[str]:
    yield from (GENERATED, "", "# The built-in checks", "")
    yield f"{len(all_proven)} checks, a page for each. By [engine](#by-engine), by [category](#by-category), by"
    yield "[section of the CIS benchmarks](#by-section-of-the-cis-benchmarks)."
    yield from ("", "## How they are proven", "")
    yield from table(("engine", "checks", *WAYS, "live proofs", "documented proofs"), list(_counts(all_proven)))
    yield from ("", _WAYS, "")
    products = {product_of(proof, each.check) for each in all_proven for proof in each.live}
    yield _LIMITS.format(products=in_words(sorted(products) or ["none"]))
    yield from _by_engine(all_proven)
    yield from _by_category(all_proven)
    yield from _by_benchmark(all_proven)


def _counts(all_proven: Sequence[Proven]) -> Iterator[tuple[str, ...]]:
    for name, some in [(ENGINES[engine], _of(all_proven, engine)) for engine in ENGINES] + [("all", [*all_proven])]:
        ways = [sum(each.way == way for each in some) for way in WAYS]
        proofs = [sum(len(each.live) for each in some), sum(len(each.documented) for each in some)]
        yield name, *map(str, (len(some), *ways, *proofs))


def _by_engine(all_proven: Sequence[Proven]) -> Iterator[str]:
    yield from ("", "## By engine")
    for engine, name in ENGINES.items():
        rows = [
            (
                _link(each),
                plain(each.check.summary),
                plain(each.check.subcategory),
                ", ".join(map(code, each.severities)),
                each.way,
            )
            for each in _of(all_proven, engine)
        ]
        yield from ("", f"### {name}", "")
        yield from table(("check", "what it finds", "category", "severity", "proven"), rows)


def _by_category(all_proven: Sequence[Proven]) -> Iterator[str]:
    yield from ("", "## By category")
    for category in sorted({each.check.subcategory for each in all_proven}):
        yield from ("", f"### {plain(category)}", "")
        yield from _lists([each for each in all_proven if each.check.subcategory == category])


def _by_benchmark(all_proven: Sequence[Proven]) -> Iterator[str]:
    yield from ("", "## By section of the CIS benchmarks", "", _CIS)
    for section in sorted({section for each in all_proven for section in each.benchmark_sections}):
        yield from ("", f"### {plain(section)}", "")
        yield from _lists([each for each in all_proven if section in each.benchmark_sections])
    yield from ("", "### In no section", "")
    yield from _lists([each for each in all_proven if not each.benchmark_sections])


def _lists(some: Sequence[Proven]) -> Iterator[str]:
    for engine, name in ENGINES.items():
        found = [_link(each) for each in _of(some, engine)]
        if found:
            yield f"- {name}: {', '.join(found)}"


def _of(all_proven: Sequence[Proven], engine: str) -> list[Proven]:
    return [each for each in all_proven if each.check.engine == engine]


def _link(proven: Proven) -> str:
    return f"[{proven.check.name}]({proven.check.engine}/{proven.check.name}.md)"
