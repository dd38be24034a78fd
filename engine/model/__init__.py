"""The model: its sizes, its modules, and the files it is kept in."""
