"""A check in words: when it runs, whether it is on and who says so, and everything that its author wrote about it."""

from rich.text import Text

from shared.accepted import KIND
from shared.checks import Check
from shared.configuration import Configuration, RiskAccepted, SeverityOverride
from shared.errors import ScheduleRefused
from shared.schedules import disabled_by, schedule_of, timing_of
from watchword.cli.output import clean, local, say


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


def _judged(configuration: Configuration, check: Check, target: str | None) -> list[tuple[str, str | Text]]:
    """Return what the settings say about its findings: their severity, and which are accepted."""
    told: list[tuple[str, str | Text]] = []
    for key in sorted(configuration.settings):
        if key[1:3] != ("severity", check.name) or (len(key) == 4 and target not in {None, key[3]}):
            continue
        override = configuration.setting(SeverityOverride, *key[1:])
        if override is not None and (fact := ("severity", _severity_in_words(override, key[3:]))) not in told:
            told.append(fact)
    for one in configuration.settings_of_check(RiskAccepted, KIND, check.name):
        if target in {None, one.target}:
            labels = ", ".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
            about = f"{one.target}{f', {labels}' if labels else ''}"
            told.append(("accepted", f"on {about}: until {local(one.until)} by {one.accepted_by}: {one.reason}"))
    return told


def _severity_in_words(override: SeverityOverride, target: tuple[str, ...]) -> str:
    where = f" on {target[0]}" if target else ""
    because = f": {override.reason}" if override.reason else ""
    return f"{override.severity.value}{where}, says {override.author or 'somebody'}{because}"


def show(check: Check, configuration: Configuration, target: str | None) -> None:
    """Print everything about a check, for people."""
    facts: list[tuple[str, str | Text]] = [
        ("check", check.name),
        ("summary", check.summary),
        ("engine", check.engine),
        ("schedule", schedule_in_words(configuration, check, target)),
        ("state", state(configuration, check, target)),
        *_judged(configuration, check, target),
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
