"""Measuring models: interactive segmentation by simulated clicks and boxes, beside a classical baseline."""
