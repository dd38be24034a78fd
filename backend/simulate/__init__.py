"""Simulated annotators: they play the page over HTTP against a running platform and measure the loop.

Nothing here touches the database or imports a feature; what a browser cannot do, a simulated annotator
cannot do either.
"""
