"""The language that all stages speak: events, subjects, streams, configuration, leases, the Alertmanager client."""
