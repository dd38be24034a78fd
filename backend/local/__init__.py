"""The one-machine default: a private Postgres and Redis from wheels, and the processes of `maskloom up`."""
