"""A documented reply says whose it is, and somebody uses it: a proof is worth as much as its source."""

import json
import re
from pathlib import Path

import pytest

from tests.integration.library_proofs.every_proof import DOCUMENTED

FOLDER = Path(__file__).parents[2] / "data" / "mongodb_replies"
FILES = sorted(FOLDER.iterdir())
PROOFS = FOLDER.parents[1] / "integration" / "library_proofs" / "mongodb"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_reply_is_whole_and_names_its_source_and_version(path: Path) -> None:
    document = json.loads(path.read_text())
    assert document.keys() - {"note"} == {"source", "version", "reply"}
    assert document["source"].startswith(("https://www.mongodb.com/docs/", "https://docs.percona.com/"))
    assert re.match(r"\d+\.\d+\b", document["version"])
    assert document["reply"]["ok"] == 1


@pytest.mark.parametrize("source", sorted({proof.source for proof in DOCUMENTED}))
def test_the_source_of_a_proof_is_a_page_and_the_version_that_it_speaks_of(source: str) -> None:
    pages = re.findall(r"https://\S+", source)
    assert pages
    said = re.sub(r"https://\S+|\d{4}-\d\d-\d\d|\d+ days", "", source)
    assert re.search(r"\b\d+(\.\d+)*\b", said), f"{source} names no version"


def test_every_reply_is_used_by_a_proof() -> None:
    text = "\n".join(path.read_text() for path in PROOFS.glob("*.py"))
    assert [path.stem for path in FILES if f'"{path.stem}"' not in text] == []
