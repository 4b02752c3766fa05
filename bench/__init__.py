"""Benchmarks: they print figures and assert nothing, for machines are shared and noisy."""
