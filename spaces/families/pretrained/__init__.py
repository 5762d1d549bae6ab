"""Networks and trees on a pretrained base."""
