"""What is measured of predictions: calibration, distances, diversity."""
