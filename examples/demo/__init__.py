"""The demo: the whole life of an alert on real servers, told step by step. ``make demo`` runs it."""
