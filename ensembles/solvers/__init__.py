"""Weight solvers: predictions, target and loss to a weight for each member."""
