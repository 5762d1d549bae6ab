"""Trees, linear models, and the common-sense baseline."""
