"""Files that several rooms write."""
