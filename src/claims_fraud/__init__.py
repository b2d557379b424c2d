"""Ranks insurance claims by how badly they contradict the rest of the data, with reasons in words."""

__version__ = "0.1.0"
