"""The publisher's own metrics: those of Prometheus' notifier for each Alertmanager, so that existing dashboards and
rules need little more than another prefix, and what the ledger holds. No alert's name is a label: they are without
bound.
"""

from prometheus_client import Counter, Gauge, Histogram

_BY_ALERTMANAGER = ["alertmanager"]

LATENCY_SECONDS = Histogram(
    "watchword_notifications_latency_seconds",
    "Time of one POST of alerts",
    _BY_ALERTMANAGER,
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
SENT = Counter("watchword_notifications_sent_total", "Alerts that an Alertmanager took", _BY_ALERTMANAGER)
ERRORS = Counter(
    "watchword_notifications_errors_total", "Alerts of POSTs that failed and are sent again", _BY_ALERTMANAGER
)
DROPPED = Counter("watchword_notifications_dropped_total", "Alerts that an Alertmanager refuses", _BY_ALERTMANAGER)
COALESCED = Counter(
    "watchword_notifications_coalesced_total",
    "Changes of alerts that waited already, so that only the newest is sent",
    _BY_ALERTMANAGER,
)
QUEUE_LENGTH = Gauge("watchword_notifications_queue_length", "Alerts that wait to be sent at once", _BY_ALERTMANAGER)
LAST_SUCCESS = Gauge(
    "watchword_notifications_last_success_timestamp_seconds", "When a POST last succeeded", _BY_ALERTMANAGER
)
ALERTMANAGERS = Gauge("watchword_notifications_alertmanagers", "Alertmanagers that alerts are sent to")
COMPARISONS = Counter(
    "watchword_publisher_comparisons_total", "Comparisons of the ledger with an Alertmanager", _BY_ALERTMANAGER
)
REFILLED = Counter(
    "watchword_publisher_refilled_alerts_total", "Alerts that an Alertmanager had forgotten", _BY_ALERTMANAGER
)
ALERTS_FIRING = Gauge("watchword_publisher_alerts_firing", "Alerts that fire")
ABOUT_OURSELVES = Gauge(
    "watchword_publisher_alerts_about_ourselves", "Alerts of the dead man's switch that fire", ["alertname"]
)
TURNS = Counter("watchword_publisher_turns_total", "What happened to alerts", ["what"])
BROKEN_RESULTS = Counter("watchword_publisher_broken_results_total", "Results that became dead letters")
BROKEN_NOT_SET_ASIDE = Counter(
    "watchword_publisher_broken_results_left_total", "Broken results left in the stream, for too many wait already"
)
WITHDRAWN = Counter("watchword_publisher_withdrawn_total", "Verdicts ended, and subjects emptied after it", ["what"])
ALERT_EVENTS = Counter("watchword_publisher_alert_events_total", "alert.firing and alert.resolved", ["transition"])

OF_ALERTMANAGER = (LATENCY_SECONDS, SENT, ERRORS, DROPPED, COALESCED, QUEUE_LENGTH, LAST_SUCCESS, COMPARISONS, REFILLED)
