"""Accounts: people, their roles, sign-ins and API tokens."""
