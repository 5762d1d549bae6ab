"""The sides of the KerasTuner comparison, each a program: `python -m benchmarks.sides.<side> FOLDER EPOCHS`."""
