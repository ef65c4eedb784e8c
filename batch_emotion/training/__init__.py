"""Pixels and targets become a network, and the network a bundle."""
