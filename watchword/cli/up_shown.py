"""What ``watchword up`` prints once it is up: where everything is, and what to type next."""

from typing import TYPE_CHECKING

from rich.text import Text

from watchword.cli.output import clean, note, say
from watchword.inventory.showing import outcome, plan_lines
from watchword.words import counted

if TYPE_CHECKING:
    from watchword.up import Place

_USUAL_NATS_URL = "nats://127.0.0.1:4222"


def as_json(place: "Place") -> dict[str, object]:
    """Return where everything is, for programs."""
    return {
        "nats_url": place.nats_url,
        "alertmanager_urls": list(place.alertmanager_urls),
        "is_alertmanager_embedded": place.is_alertmanager_ours,
        "health_url": place.health_url,
        "data_folder": str(place.data_folder),
        "targets": [target.name for target in place.configuration.all_targets()],
        "checks": len(place.configuration.all_checks()),
        "private_pool": place.private_pool,
        "problems": list(place.problems),
    }


def show(place: "Place") -> None:
    """Print where everything is, for people."""
    if place.inventory is not None:
        for line in plan_lines(place.plan):
            say(line)
        say(f"{place.inventory.file}: {outcome(place.plan)}")
    say(Text("Watchword is up", style="bold green"))
    targets, checks = place.configuration.all_targets(), place.configuration.all_checks()
    embedded = " (embedded)" if place.is_alertmanager_ours else ""
    facts = [
        ("NATS", place.nats_url),
        ("Alertmanager", (", ".join(place.alertmanager_urls) or "(none)") + embedded),
        ("health", f"{place.health_url}/readyz, {place.health_url}/metrics"),
        ("data", f"{place.data_folder}"),
        ("inventory", f"{counted(len(targets), 'target')}, {counted(len(checks), 'check')}"),
    ]
    for name, value in facts:
        say(Text.assemble("  ", (f"{name:13}", "bold"), clean(value)))
    for problem in place.problems:
        note(f"not ready yet: {problem}")
    say("Next, in another terminal:")
    if place.nats_url != _USUAL_NATS_URL:
        say(f"  export WATCHWORD_NATS_URL={place.nats_url}")
    for words, what in _next_commands(place):
        say(f"  {words:34}{what}")
    say("Ctrl-C ends it.")


def _next_commands(place: "Place") -> list[tuple[str, str]]:
    commands = [
        ("watchword targets", "how each database stands"),
        ("watchword run --wait", "check everything now"),
        ("watchword alerts", "what fires"),
        ("watchword events", "what happens, live"),
    ]
    if not place.configuration.all_targets():
        commands.insert(0, ("watchword apply watchword.yaml", "give it databases to check"))
    elif place.inventory is not None and not place.inventory.passwords:
        commands.insert(0, (f"watchword apply {place.inventory.file}", "after each change of the file"))
    return commands
