"""Datasets: images, how they come in, and each dataset's policy."""
