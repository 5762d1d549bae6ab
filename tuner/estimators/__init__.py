"""Studies as scikit-learn's estimators: rows and labels in, a fitted ensemble out."""
