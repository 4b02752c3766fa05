"""Which Alertmanagers are there? Those of the configuration; where it names none, those that the environment of the
process names, so that a single Alertmanager needs no configuration at all. What is sent to them is the stages' affair.
"""

from pydantic import Field

from shared.configuration import Alertmanager, Alertmanagers, Configuration
from shared.settings import ProcessSettings

FROM_ENVIRONMENT = "default"
"""What the Alertmanager of the environment is called in events and metrics."""


class AlertmanagerSettings(ProcessSettings):
    """The environment of a stage that talks to Alertmanager."""

    alertmanager_url: str | None = Field(
        None,
        description="Alertmanager to use when the configuration names none; the members of a cluster, by commas",
    )


def alertmanagers_of(configuration: Configuration, settings: AlertmanagerSettings) -> tuple[Alertmanager, ...]:
    """Return the Alertmanagers, each a single one or a cluster; empty when nobody named any."""
    configured = configuration.setting(Alertmanagers, "alertmanagers")
    if configured is not None:
        return configured.alertmanagers
    urls = tuple(url.strip() for url in (settings.alertmanager_url or "").split(",") if url.strip())
    return (Alertmanager(name=FROM_ENVIRONMENT, urls=urls),) if urls else ()
