"""The scheduler: what runs when, due slots become requests."""
