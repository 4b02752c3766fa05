"""What a scheduler reads from its environment: where NATS is, how to log, where to answer about its health. What runs
when is no part of it; that travels in the configuration bucket.
"""

from pydantic import Field

from shared.settings import ProcessSettings


class SchedulerSettings(ProcessSettings):
    """The environment of a scheduler."""

    requests_at_once: int = Field(100, ge=1, le=1000, description="requests that are being stored at a time")
