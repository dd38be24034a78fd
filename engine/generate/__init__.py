"""Masks without anybody's hand: a grid of points, the model's answers, filters and suppression (paper, section B)."""
