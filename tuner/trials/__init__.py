"""Trials: what runs one, and the places where they run."""
