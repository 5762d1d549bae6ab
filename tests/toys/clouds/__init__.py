"""Point clouds, a kind of input that a user brings: `columns={"stars": Cloud(points=6)}`. It is registered nowhere."""
