"""Metrics bound to a task: their direction, their needs, several targets."""
