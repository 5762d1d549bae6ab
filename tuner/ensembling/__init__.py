"""From stored held-out predictions to an ensemble, and its scores on test rows."""
