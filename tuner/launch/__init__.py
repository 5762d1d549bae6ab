"""Launching: arguments checked, the loop, the terminal, MLflow."""
