"""The write side of a catalog: read, cut into passages, encode, and build a generation."""
