"""A package source on disk, so that the real apt can be tested without a network."""

import gzip
import hashlib
import subprocess
from pathlib import Path

# Higher than whatever the system has installed: apt would not download an older one.
VERSION = "9999"


class AptRepository:
    """A folder that apt, with this configuration (the variable APT_CONFIG names it), takes for its only source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        sources = folder / "sources.list"
        sources.write_text(f"deb [trusted=yes] copy:{folder} ./\n")
        self.configuration_path = folder / "apt.conf"
        self.configuration_path.write_text(f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "-";\n')
        self._write_index()

    def add(self, name: str, files: dict[str, bytes], depends: str = "") -> None:
        """Build a package with these files and list it."""
        tree = self.folder / f"{name}.tree"
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
            (tree / path).chmod(0o755)
        (tree / "DEBIAN").mkdir(parents=True)
        control = f"Package: {name}\nVersion: {VERSION}\nArchitecture: all\nMaintainer: Tests <tests@example.com>\n"
        control += f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN" / "control").write_text(control + "Description: small\n")
        file = self.folder / f"{name}_{VERSION}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, file], check=True, capture_output=True)
        stanza = f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\n"
        stanza += f"SHA256: {hashlib.sha256(file.read_bytes()).hexdigest()}\nDescription: small\n\n"
        (self.folder / f"{name}.stanza").write_text(stanza)
        self._write_index()

    def _write_index(self) -> None:
        index = "".join(file.read_text() for file in sorted(self.folder.glob("*.stanza")))
        (self.folder / "Packages").write_text(index)
        (self.folder / "Packages.gz").write_bytes(gzip.compress(index.encode()))
