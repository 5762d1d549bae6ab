"""Keras: the only training of a network, prediction, saving."""
