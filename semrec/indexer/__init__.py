"""Reading catalogs and events, and building and updating the index."""
