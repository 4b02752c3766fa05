"""What a silencer reads from its environment: where NATS is, an Alertmanager to use when the configuration names none,
and its times.
"""

from pydantic import Field

from shared.alertmanager_settings import AlertmanagerSettings


class SilencerSettings(AlertmanagerSettings):
    """The environment of a silencer."""

    round_seconds: float = Field(60.0, gt=0, le=3600, description="compare with each Alertmanager at least this often")
    waiting_seconds: float = Field(5.0, gt=0, le=3600, description="try mutes again that wait for an Alertmanager")
    gossip_seconds: float = Field(
        30.0, ge=0, le=600, description="how long the members of a cluster may disagree about a new silence"
    )
    overlap_seconds: float = Field(
        60.0, ge=0, le=3600, description="how long a silence with former matchers stays beside the new one"
    )
    alertmanager_timeout_seconds: float = Field(10.0, gt=0, le=120, description="time for one answer of Alertmanager")
    slots: int = Field(4, ge=1, le=64, description="mute requests handled at a time")
