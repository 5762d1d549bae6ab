"""A study on disk, for whoever reads it: trials, models, curves, reports."""
