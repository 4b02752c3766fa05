"""``make docs``: write the pages of ``docs/checks``."""

import sys

from tests.integration.library_proofs.pages import FOLDER, pages, write

texts = pages()
changed = write(texts, FOLDER)
sys.stdout.write(f"docs/checks: {len(texts)} pages, {len(changed)} changed\n")
