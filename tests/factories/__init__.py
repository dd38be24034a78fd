"""Makers of the things tests are about."""
