"""Benchmarks of the toolkit itself: run as `python -m benchmarks` from the root of the repository."""
