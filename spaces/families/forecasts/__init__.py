"""Forecasts: naive ones, and any family on the change from the last value."""
