"""The other sections of the inventory file (``settings``, ``alertmanagers``, ``mute``, ``metrics``, ``installation``,
``dead_mans_switch``) as settings of the configuration bucket. Each is found under the parts of its key after
``setting.file``: its kind, and the names of the check and the target that it speaks of.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.checks import Check
from shared.configuration import (
    Alertmanager,
    Alertmanagers,
    Credential,
    DeadMansSwitch,
    Disabled,
    Installation,
    Interval,
    MetricsSource,
    Muting,
    Setting,
)
from shared.errors import ScheduleRefused
from shared.mutes import LONGEST_MUTE
from shared.schedules import ALLOWED, NAMED_SCHEDULES, parse_duration, parse_timing
from watchword.inventory.collected import AUTHOR, Collected, Names
from watchword.inventory.judging import JUDGING, read_judging
from watchword.inventory.secrets import reference, tls
from watchword.inventory.spots import Spot

_CREDENTIAL = ("basic_auth", "bearer_token", "tls")


def read_settings(
    sections: Mapping[str, Spot], checks: Mapping[str, Check], known: set[str], targets: set[str]
) -> dict[Names, Setting]:
    """Read all sections but ``targets`` and ``checks``. What is broken is left out, after a complaint.

    ``known`` has the names of all checks, those that could not be read included.
    """
    collected = Collected(known, targets)
    if "settings" in sections:
        parts = sections["settings"].fields(("disabled", "intervals", *JUDGING))
        if "disabled" in parts:
            for item in parts["disabled"].items():
                _disabled(item, collected)
        if "intervals" in parts:
            _intervals(parts["intervals"], collected)
        read_judging(parts, collected, checks)
    if "alertmanagers" in sections:
        _alertmanagers(sections["alertmanagers"], collected)
    if "mute" in sections:
        _mute(sections["mute"], collected)
    if "metrics" in sections:
        _metrics(sections["metrics"], collected)
    if "dead_mans_switch" in sections:
        _dead_mans_switch(sections["dead_mans_switch"], collected)
    if "installation" in sections:
        _installation(sections["installation"], collected)
    return collected.settings


def _disabled(item: Spot, collected: Collected) -> None:
    if item.is_text:
        name = item.text()
        if name is not None and collected.is_check(item, name):
            collected.add(item, Disabled(author=AUTHOR), "disabled", name)
        return
    fields = item.fields(("check", "target", "reason"))
    texts = {name: text for name, spot in fields.items() if (text := spot.text()) is not None}
    if "check" not in fields:
        item.complain("'check' is missing", "name the check to disable")
    if "check" not in texts or len(texts) < len(fields) or not collected.is_check(fields["check"], texts["check"]):
        return
    names = [texts["check"]]
    if "target" in texts:
        if not collected.is_target(fields["target"], texts["target"]):
            return
        names.append(texts["target"])
    collected.add(item, Disabled(author=AUTHOR, reason=texts.get("reason", "")), "disabled", *names)


def _intervals(section: Spot, collected: Collected) -> None:
    parts = section.fields((*NAMED_SCHEDULES, "all", "checks", "targets"))
    for name in (*NAMED_SCHEDULES, "all"):
        if name in parts:
            _interval(parts[name], collected, "schedule", name)
    if "checks" in parts:
        for check, spot in parts["checks"].entries().items():
            if collected.is_check(spot, check):
                _interval(spot, collected, "interval", check)
    if "targets" in parts:
        for target, inner in parts["targets"].entries().items():
            if collected.is_target(inner, target):
                for check, spot in inner.entries().items():
                    if collected.is_check(spot, check):
                        _interval(spot, collected, "interval", check, target)


def _interval(spot: Spot, collected: Collected, *names: str) -> None:
    text = spot.text()
    if text is None:
        return
    try:
        parse_timing(text)
    except ScheduleRefused as refused:
        spot.complain(str(refused), "" if "allowed" in str(refused) else f"allowed: {ALLOWED}")
        return
    if names[-1] in NAMED_SCHEDULES and text in NAMED_SCHEDULES and names[0] == "schedule":
        spot.complain("one name can't mean another", "give a duration or a cron line")
        return
    collected.add(spot, Interval(author=AUTHOR, schedule=text), *names)


def _alertmanagers(section: Spot, collected: Collected) -> None:
    found: dict[str, Alertmanager] = {}
    for item in section.items():
        one = _alertmanager(item)
        if one is None:
            continue
        if one.name in found:
            item.complain(f"two Alertmanagers are named {one.name!r}", "give one of them a name of its own")
        found[one.name] = one
    if found:
        collected.add(section, Alertmanagers(author=AUTHOR, alertmanagers=tuple(found.values())), "alertmanagers")


def _alertmanager(item: Spot) -> Alertmanager | None:
    if item.is_text:
        url = http_url(item)
        return Alertmanager(name=_name_of(url), urls=(url,)) if url else None
    fields = item.fields(("name", "url", "urls", *_CREDENTIAL))
    urls = [url for spot in _url_spots(item, fields) if (url := http_url(spot)) is not None]
    name = fields["name"].text() if "name" in fields else None
    shown = _credential(fields)
    if not urls or shown is None:
        return None
    return item.model(Alertmanager, {"name": name or _name_of(urls[0]), "urls": urls, "credential": shown}, fields)


def _url_spots(item: Spot, fields: Mapping[str, Spot]) -> list[Spot]:
    if "url" in fields and "urls" in fields:
        fields["urls"].complain("give either url or urls")
    if "urls" in fields:
        spots = [fields["urls"]] if fields["urls"].is_text else fields["urls"].items()
        if not spots and not fields["urls"].is_map:
            fields["urls"].complain("must name one Alertmanager at least")
        return spots
    if "url" in fields:
        return [fields["url"]]
    if item.is_map:
        item.complain("'urls' is missing", "list the members of the cluster, or one URL")
    return []


def _name_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path.rstrip('/')}"


def http_url(spot: Spot) -> str | None:
    """Read the URL of an HTTP server, a path included; complain about anything else, without showing an account."""
    text = spot.text()
    if text is None:
        return None
    try:
        parts = urlsplit(text.strip())
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        spot.complain("not a URL", "write it like http://host:9093/path")
        return None
    if parts.username is not None or parts.password is not None:
        spot.complain("a URL with an account in it would be shown to everybody", "write it as basic_auth")
        return None
    if not is_good or parts.query or parts.fragment or any(character.isspace() for character in text.strip()):
        spot.complain("not the URL of an HTTP server", "write it like http://host:9093/path")
        return None
    return text.strip().rstrip("/")


def _credential(fields: Mapping[str, Spot]) -> Credential | None:
    """Read how to show who we are; None, after a complaint, when that can't be."""
    values: dict[str, object] = {}
    if "basic_auth" in fields and "bearer_token" in fields:
        fields["bearer_token"].complain("basic_auth says who we are already", "keep one of them")
    if "basic_auth" in fields:
        inner = fields["basic_auth"].fields(("username", "password"))
        for name in ("username", "password"):
            if name not in inner and fields["basic_auth"].is_map:
                fields["basic_auth"].complain(f"{name!r} is missing")
        values["username"] = inner["username"].text() if "username" in inner else None
        values["password"] = reference(inner["password"]) if "password" in inner else None
        if None in values.values():
            return None
    if "bearer_token" in fields:
        values["bearer_token"] = reference(fields["bearer_token"])
        if values["bearer_token"] is None:
            return None
    if "tls" in fields:
        values["tls"] = tls(fields["tls"])
        if values["tls"] is None:
            return None
    return Credential.model_validate(values)


def _mute(section: Spot, collected: Collected) -> None:
    fields = section.fields(("default",), ("until_resolved",))
    text = fields["default"].text() if "default" in fields else None
    if text is None:
        return
    try:
        duration = parse_duration(text)
    except ScheduleRefused as refused:
        fields["default"].complain(str(refused))
        return
    if not 0 < duration.total_seconds() <= LONGEST_MUTE.total_seconds():
        fields["default"].complain(f"a mute can't last {text}", f"allowed: up to {LONGEST_MUTE.days}d")
        return
    collected.add(section, Muting(author=AUTHOR, default=text), "muting")


def _metrics(section: Spot, collected: Collected) -> None:
    if section.is_text:
        url = http_url(section)
        shown: Credential | None = Credential()
    else:
        fields = section.fields(("url", *_CREDENTIAL))
        if "url" not in fields and section.is_map:
            section.complain("'url' is missing", "write it like http://prometheus:9090")
        url = http_url(fields["url"]) if "url" in fields else None
        shown = _credential(fields)
    if url is not None and shown is not None:
        collected.add(section, MetricsSource(author=AUTHOR, url=url, credential=shown), "metrics")


def _dead_mans_switch(section: Spot, collected: Collected) -> None:
    fields = section.fields(("enabled", "always_firing", "error_lasts", "gone_after"))
    before = section.errors_below()
    values: dict[str, object] = {}
    for name in ("enabled", "always_firing"):
        if name in fields:
            values[name] = fields[name].choice(("true", "false")) == "true"
    for name in ("error_lasts", "gone_after"):
        if name in fields:
            values[name] = _positive_duration(fields[name])
    if section.is_map and section.errors_below() == before:
        collected.add(section, DeadMansSwitch.model_validate({"author": AUTHOR, **values}), "dead-mans-switch")


def _positive_duration(spot: Spot) -> str | None:
    text = spot.text()
    if text is None:
        return None
    try:
        if not parse_duration(text):
            spot.complain("must be longer than nothing", "write it like 90s, 15m or 12h")
    except ScheduleRefused as refused:
        spot.complain(str(refused))
    return text


def _installation(section: Spot, collected: Collected) -> None:
    fields = section.fields(("url",))
    url = http_url(fields["url"]) if "url" in fields else None
    if url is not None:
        collected.add(section, Installation(author=AUTHOR, url=url), "installation")
