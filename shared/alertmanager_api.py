"""What Alertmanager's API v2 takes and shows, as models, and how it names an alert. Reading is tolerant: fields that
this version does not know are ignored, and those that an old Alertmanager lacks have a value, for everything from 0.25
on is to be understood. How requests travel, and what can go wrong with them, is in ``alertmanager.py``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.events import Moment
from shared.mutes import Matcher


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


def _list_of(value: Any) -> Any:
    return [] if value is None else value


Texts = Annotated[list[str], BeforeValidator(_list_of)]
"""Go writes an empty list as null now and then."""


class PostedAlert(_Model):
    """An alert as it is sent. Without ``ends_at`` Alertmanager lets it end after its own resolve_timeout."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = Field(default_factory=dict)
    starts_at: Annotated[Moment | None, Field(alias="startsAt")] = None
    ends_at: Annotated[Moment | None, Field(alias="endsAt")] = None
    generator_url: Annotated[str | None, Field(alias="generatorURL")] = None


class AlertStatus(_Model):
    """What Alertmanager does with an alert. ``state`` is unprocessed, active or suppressed."""

    state: str = "unprocessed"
    silenced_by: Annotated[Texts, Field(alias="silencedBy")] = []
    inhibited_by: Annotated[Texts, Field(alias="inhibitedBy")] = []
    muted_by: Annotated[Texts, Field(alias="mutedBy")] = []
    """Empty before 0.28."""


class ShownAlert(_Model):
    """An alert as Alertmanager shows it."""

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Annotated[Moment, Field(alias="startsAt")]
    ends_at: Annotated[Moment, Field(alias="endsAt")]
    updated_at: Annotated[Moment | None, Field(alias="updatedAt")] = None
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    status: AlertStatus = AlertStatus()


class PostedSilence(_Model):
    """A silence as it is sent. With the ``id`` of a living one, the same matchers and the same start it is changed in
    place; otherwise a new one is made, and the old one ends first.
    """

    id: str | None = None
    matchers: tuple[Matcher, ...]
    starts_at: Annotated[Moment, Field(alias="startsAt")]
    ends_at: Annotated[Moment, Field(alias="endsAt")]
    created_by: Annotated[str, Field(alias="createdBy")]
    comment: str


SilenceState = Literal["active", "pending", "expired"]


class _SilenceStatus(_Model):
    state: SilenceState


class Silence(_Model):
    """A silence as Alertmanager shows it. Expired ones are shown for 120 h, then it forgets them."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: Annotated[Moment, Field(alias="startsAt")]
    ends_at: Annotated[Moment, Field(alias="endsAt")]
    updated_at: Annotated[Moment | None, Field(alias="updatedAt")] = None
    created_by: Annotated[str, Field(alias="createdBy")] = ""
    comment: str = ""
    status: _SilenceStatus

    @property
    def state(self) -> SilenceState:
        """Return whether it is in force, will be, or was."""
        return self.status.state

    @property
    def is_living(self) -> bool:
        """Say whether it has not ended yet."""
        return self.status.state != "expired"


class Peer(_Model):
    """One member of a cluster."""

    name: str = ""
    address: str = ""


class AlertmanagerStatus(_Model):
    """Which Alertmanager answers, since when it runs, and with whom it shares its silences."""

    version: str = ""
    started_at: Moment | None = None
    """Another one than before means that it restarted and has forgotten all alerts."""
    cluster_state: str = "disabled"
    """ready, settling or disabled."""
    peers: tuple[Peer, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _flattened(cls, answer: Any) -> Any:
        """Read the answer of ``/status``, which spreads this over three objects and calls the start ``uptime``."""
        if not isinstance(answer, dict) or "versionInfo" not in answer:
            return answer
        cluster = answer.get("cluster") or {}
        return {
            "version": (answer.get("versionInfo") or {}).get("version", ""),
            "started_at": answer.get("uptime"),
            "cluster_state": cluster.get("status", "disabled"),
            "peers": cluster.get("peers") or [],
        }


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the 16 hexadecimal digits by which every Alertmanager names the alert with these labels.

    It is FNV-1a with 64 bits over the sorted labels, each name and value followed by a byte 0xFF; labels without a
    value do not count.
    """
    digest = 0xCBF29CE484222325
    for name in sorted(labels):
        if not labels[name]:
            continue
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"
