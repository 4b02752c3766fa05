"""Programs of others that take part in Watchword, and the demo: shown here, never shipped."""
