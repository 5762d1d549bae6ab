"""Texts: read, cut up and counted, vocabularies, word vectors, the branches that read them."""
