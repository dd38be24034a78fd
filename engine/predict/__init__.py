"""Prompting one image at a time, and the file an embedding is kept in."""
