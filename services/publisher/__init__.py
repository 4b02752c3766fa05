"""The publisher: results become Alertmanager alerts."""
