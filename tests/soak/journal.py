"""What happened, in order? Everything that the referee does and sees is written down with the time and with the names
that it is about. When something is wrong, the story of one alert is told from it: from the weakness over request, run
and verdict to what each Alertmanager showed. Nothing is judged here.
"""

import datetime as dt
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

EVERYTHING = "*"
"""The name of what may touch any alert: faults, and whole rounds."""
_LOG_LINES = 60


@dataclass(frozen=True)
class Entry:
    """One thing that happened."""

    at: float
    about: frozenset[str]
    text: str

    def __str__(self) -> str:
        return f"{clock(self.at)}  {self.text}"


def clock(at: float) -> str:
    """Return a time for people, in UTC."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%H:%M:%S.%f")[:-3]


class Journal:
    """All entries, in memory and in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._entries: list[Entry] = []
        self._file: TextIO = path.open("w")

    def add(self, about: Iterable[str], text: str, at: float | None = None) -> None:
        """Write something down. ``at`` is when it happened, now when silent."""
        entry = Entry(time.time() if at is None else at, frozenset(about), text)
        self._entries.append(entry)
        self._file.write(json.dumps({"at": entry.at, "about": sorted(entry.about), "text": text}) + "\n")
        self._file.flush()

    def story(self, names: Iterable[str]) -> list[Entry]:
        """Return what is about any of these names or about everything, in order of time."""
        wanted = {*names, EVERYTHING}
        return sorted((entry for entry in self._entries if entry.about & wanted), key=lambda entry: entry.at)

    def close(self) -> None:
        """End the file."""
        self._file.close()


def lines_about(folder: Path, names: Iterable[str]) -> list[Entry]:
    """Return the last lines of the stages' logs that speak of any of these names."""
    wanted = [f'"{name}"' for name in names if name]
    found = []
    for path in sorted(folder.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if not any(name in line for name in wanted):
                continue
            try:
                said = json.loads(line)
                at = dt.datetime.fromisoformat(str(said.pop("timestamp"))).timestamp()
            except (ValueError, KeyError, AttributeError):
                continue
            words = " ".join(f"{name}={value}" for name, value in said.items() if name not in {"event", "level"})
            found.append(Entry(at, frozenset(), f"[{path.stem}] {said.get('event')} {words}"))
    return sorted(found, key=lambda entry: entry.at)[-_LOG_LINES:]
