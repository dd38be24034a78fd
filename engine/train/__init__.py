"""Training: data, simulated clicks, losses, the loop and the rounds of the data engine.

Knows nothing of the platform.
"""
