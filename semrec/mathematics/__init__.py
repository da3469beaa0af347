"""Small numerical functions that several rooms need."""
