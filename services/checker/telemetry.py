"""The checker's own metrics: each answers a question that an operator has."""

from prometheus_client import Counter, Gauge, Histogram

RUNS = Counter("watchword_checker_runs_total", "Runs by how they ended", ["outcome"])
RESULTS = Counter("watchword_checker_results_total", "Results by engine and status", ["engine", "status"])
RUN_SECONDS = Histogram(
    "watchword_checker_run_seconds",
    "Time of one run, from the lease to check.finished",
    ["engine"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
RUNNING = Gauge("watchword_checker_running", "Runs under way")
LATE_VERDICTS = Counter("watchword_checker_late_verdicts_total", "Verdicts dropped because a higher run had written")
ANSWERED_REQUESTS = Counter(
    "watchword_checker_answered_requests_total", "Requests that runs had answered before they were split"
)
PARTS = Counter("watchword_checker_parts_total", "Parts that requests were split into", ["lane"])
