"""The checker: requests become results. See ``docs/architecture.md`` for the way of one request through this room."""
