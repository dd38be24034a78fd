"""What a large photograph costs in memory: little, and no more for many points than for few."""

import json
import os
import subprocess
import sys

import pytest

LIMIT_MIB, GROWTH_MIB = 1536, 150

# A process of its own, whose peak is its own. With the number of threads, memory grows: two, as on a small machine.
CODE = """
import json, sys
import cv2, skimage.data, torch
import engine
from engine.generate.settings import GeneratorSettings

torch.set_num_threads(2)
side = int(sys.argv[1])
image = cv2.resize(skimage.data.coffee(), (2250, 1500), interpolation=cv2.INTER_CUBIC)
model = engine.load("default", torch.device("cpu"))
settings = GeneratorSettings.for_model(model.config, points_per_side=side)
masks = engine.MaskGenerator(model, settings).generate(image)
# Not getrusage: its maximum counts what the parent held when it started this process.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"points": side**2, "masks": len(masks), "MiB": int(status["VmHWM"].split()[0]) / 1024}))
"""


def peak(side):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(side)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="a process's peak is read from /proc")
def test_memory_does_not_grow_with_the_points():
    few, many = peak(32), peak(48)
    assert many["MiB"] < few["MiB"] + GROWTH_MIB, (
        f"for {many['points'] / few['points']} times the points: {few}, {many}"
    )
    assert many["MiB"] < LIMIT_MIB, many
