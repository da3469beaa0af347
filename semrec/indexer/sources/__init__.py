"""Sources of rows: files, tables and the values in their cells."""
