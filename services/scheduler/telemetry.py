"""The scheduler's own metrics: each answers a question that an operator has."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "watchword_scheduler_requests_total",
    "Requests by lane; a duplicate is one that another scheduler had stored already",
    ["lane", "outcome"],
)
LAG_SECONDS = Histogram(
    "watchword_scheduler_lag_seconds",
    "From a slot's due time to its stored request",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60, 600, 3600, 86400),
)
TARGETS = Gauge("watchword_scheduler_targets", "Targets that have anything to run")
UNITS = Gauge("watchword_scheduler_units", "Pairs of a target and a schedule")
REFUSED = Gauge("watchword_scheduler_units_refused", "Units that can't be scheduled; the log says why")
NEXT_WAKE_UP = Gauge("watchword_scheduler_next_wake_up_seconds", "Unix time at which the next slot is due")
