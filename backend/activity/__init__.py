"""Activity: what the platform is doing, over HTTP. The jobs of `core.jobs`, and the stream of `core.events`."""
