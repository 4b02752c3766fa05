"""The pages of ``docs/checks``: one for each built-in check, from its file and its proofs, and an index. The texts are
made without a server; ``make docs`` writes them, and a test compares them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.checks import Check
from tests.integration.library_proofs.every_proof import PROOFS
from tests.integration.library_proofs.pages.index import index
from tests.integration.library_proofs.pages.page import page
from tests.integration.library_proofs.pages.proven import Proof, Proven
from watchword.check_files.library import built_in_checks

FOLDER = Path(__file__).parents[4] / "docs" / "checks"

__all__ = ["FOLDER", "pages", "present", "write"]


def pages(checks: Iterable[Check] | None = None, proofs: Iterable[Proof] = PROOFS) -> dict[str, str]:
    """Return the text of each page by its path below the folder."""
    proofs = tuple(proofs)
    proven = [
        Proven(check, tuple(proof for proof in proofs if proof.check == check.name))
        for check in (built_in_checks() if checks is None else checks)
    ]
    return {"README.md": index(proven)} | {f"{each.check.engine}/{each.check.name}.md": page(each) for each in proven}


def present(folder: Path) -> dict[str, str]:
    """Return the text of each page that is there, in the same form."""
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.md")}


def write(texts: Mapping[str, str], folder: Path) -> list[str]:
    """Make a folder hold just these pages, and return the paths of those that changed."""
    before = present(folder)
    for name in before.keys() - texts.keys():
        (folder / name).unlink()
    for name, text in texts.items():
        if before.get(name) != text:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
    return sorted(name for name in before.keys() | texts.keys() if before.get(name) != texts.get(name))
