"""The silencer's own metrics: each answers a question that an operator has."""

from prometheus_client import Counter, Gauge

MUTES = Gauge(
    "watchword_silencer_mutes", "Mutes by what they are now: in force, waiting for an Alertmanager", ["state"]
)
REFUSED = Counter("watchword_silencer_refused_total", "Mute and unmute requests that were refused", ["kind"])
MADE = Counter("watchword_silencer_silences_made_total", "Silences made", ["alertmanager"])
ENDED = Counter("watchword_silencer_silences_ended_total", "Silences ended by us", ["alertmanager"])
FAILED = Counter(
    "watchword_silencer_failures_total", "Requests that an Alertmanager did not carry out", ["alertmanager"]
)
ENDED_BY_PERSONS = Counter(
    "watchword_silencer_silences_ended_by_persons_total",
    "Silences that somebody ended in Alertmanager itself",
    ["alertmanager"],
)
LAST_ROUND = Gauge(
    "watchword_silencer_last_round_timestamp_seconds",
    "When the silences of an Alertmanager were last compared with what is wanted",
    ["alertmanager"],
)
