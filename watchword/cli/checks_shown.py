"""A check in words: when it runs, whether it is on and who says so, and everything that its author wrote about it."""

from rich.text import Text

from shared.checks import Check
from shared.configuration import Configuration
from shared.errors import ScheduleRefused
from shared.schedules import disabled_by, schedule_of, timing_of
from watchword.cli.output import clean, say


def targets_where_off(configuration: Configuration, check: str) -> list[str]:
    """Return the targets on which a check is off by a setting for that target."""
    off = {key[3] for key in configuration.settings if len(key) == 4 and key[1:3] == ("disabled", check)}
    return sorted(name for name in off if disabled_by(configuration, check, name) is not None)


def schedule_in_words(configuration: Configuration, check: Check, target: str | None) -> str:
    """Return when a check runs; on a target, or where nothing else is said."""
    schedule = schedule_of(configuration, check, target or "")
    try:
        timing_of(configuration, schedule)
    except ScheduleRefused:
        return f"{schedule} (not understood)"
    return schedule


def state(configuration: Configuration, check: Check, target: str | None) -> Text:
    """Return whether a check is on, and who switched it off and why."""
    disabled = disabled_by(configuration, check.name, target or "")
    if disabled is not None:
        why = f": {clean(disabled.reason)}" if disabled.reason else ""
        return Text(f"off by {clean(disabled.author) or 'somebody'}{why}", style="yellow")
    off = targets_where_off(configuration, check.name) if target is None else []
    return Text(f"on, off on {', '.join(off)}" if off else "on", style="yellow" if off else "")


def as_json(check: Check, configuration: Configuration, target: str | None) -> dict[str, object]:
    """Return a check and how it stands, for programs."""
    disabled = disabled_by(configuration, check.name, target or "")
    return {
        "name": check.name,
        "engine": check.engine,
        "summary": check.summary,
        "schedule": schedule_of(configuration, check, target or ""),
        "is_enabled": disabled is None,
        "disabled": disabled.model_dump(mode="json", exclude_none=True) if disabled else None,
        "disabled_on": targets_where_off(configuration, check.name),
        "source": check.source,
        "digest": check.digest,
    }


def show(check: Check, configuration: Configuration, target: str | None) -> None:
    """Print everything about a check, for people."""
    facts: list[tuple[str, str | Text]] = [
        ("check", check.name),
        ("summary", check.summary),
        ("engine", check.engine),
        ("schedule", schedule_in_words(configuration, check, target)),
        ("state", state(configuration, check, target)),
        ("category", " / ".join(filter(None, (check.category, check.subcategory, check.advisor)))),
        ("source", f"{check.source} (digest {check.digest})"),
        ("versions", check.requires.versions),
        ("flavours", ", ".join(check.requires.flavours)),
        ("privileges", "; ".join(check.requires.privileges)),
        ("references", ", ".join(check.references)),
    ]
    facts += [
        (f"parameter {name}", f"{parameter.default!r} {parameter.description}".strip())
        for name, parameter in sorted(check.parameters.items())
    ]
    facts += [
        (f"query {number}", f"{query.type.value} {query.text}".strip()) for number, query in enumerate(check.queries, 1)
    ]
    for name, value in facts:
        if value:
            say(Text.assemble((f"{name:12}  ", "bold"), value if isinstance(value, Text) else clean(value)))
    for name, text in (("description", check.description), ("remediation", check.remediation)):
        if text:
            say(Text(f"\n{name}", style="bold"))
            say(text.strip())
