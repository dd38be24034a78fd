"""Loaded into a worker by a test (MASKLOOM_EXTRA_TASKS): rounds keep a checkpoint after every few steps."""

from backend.rounds import tasks

tasks.CHECKPOINT_EVERY_S = 0.1
