"""The map of the catalog: its layout, and where items are on it."""
