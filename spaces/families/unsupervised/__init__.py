"""Models of rows without a target, and of odd windows."""
