"""The loop, turned once as people turn it: an annotator's click in a browser, an admin's round, stages and export."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from pycocotools import mask as coco_mask

from engine.masks.clicks import next_click
from tests.e2e.conftest import Running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

WIDTH, HEIGHT = 480, 360
NUM_IMAGES = 6
Json = dict[str, Any]


def disc(seed: int) -> tuple[bytes, NDArray[np.bool_], tuple[int, int]]:
    """A photograph-like PNG of one bright disc on a dark ground -> bytes, the disc's mask, its centre (x, y)."""
    rng = np.random.default_rng(seed)
    x, y, radius = int(rng.integers(150, 330)), int(rng.integers(120, 240)), int(rng.integers(60, 90))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    ground = np.array([40, 60, 50]) + rng.normal(0, 6, (HEIGHT, WIDTH, 3))
    pixels = np.where(mask[..., None], np.array([225, 190, 60]) + rng.normal(0, 6, (HEIGHT, WIDTH, 3)), ground)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    ImageDraw.Draw(image).rectangle((10, 10, 40, 25), fill=(90, 90, 120))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue(), mask, (x, y)


@pytest.fixture
def dataset(http: httpx.Client) -> Json:
    """A dataset of discs, imported and embedded."""
    policy = {"auto_rounds": False, "auto_stages": False, "round_minutes": 1}
    made: Json = http.post("/api/datasets", json={"name": "Discs", "policy": policy}).raise_for_status().json()
    files = [("files", (f"disc-{seed}.png", disc(seed)[0], "image/png")) for seed in range(NUM_IMAGES)]
    job = http.post(f"/api/datasets/{made['id']}/imports", files=files).raise_for_status().json()
    done = until(lambda: http.get(f"/api/jobs/{job['id']}").json(), lambda j: j["state"] in {"succeeded", "failed"})
    assert done["state"] == "succeeded", done
    assert done["result"]["accepted"] == NUM_IMAGES
    until(lambda: http.get(f"/api/datasets/{made['id']}").json(), lambda d: d["counts"]["embedded"] == NUM_IMAGES)
    return made


def until(read: Callable[[], Json], done: Callable[[Json], bool], timeout_s: float = 240) -> Json:
    import time

    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = read()
        if done(value):
            return value
        time.sleep(0.3)
    raise AssertionError(f"not within {timeout_s} s; last seen: {json.dumps(value)[:2000]}")


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def decode(rle: Json) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = coco_mask.decode({**rle, "counts": rle["counts"].encode()}).astype(bool)
    return mask


def test_the_loop_turns_once(platform: Running, http: httpx.Client, dataset: Json, page: Page) -> None:
    sign_in(page, platform)
    masks = {}
    for _ in range(NUM_IMAGES - 1):
        name, mask = annotate_one(page, platform, dataset, http)
        masks[name] = mask
        go_on(page)
    look_back(page)
    start_round(page, platform, dataset, http)
    for stage in (2, 3):
        switch_stage(page, platform, dataset, stage)
        until(
            lambda: http.get("/api/jobs", params={"dataset_id": dataset["id"]}).json(),
            lambda jobs: all(job["state"] == "succeeded" for job in jobs["items"]),
        )
    exported = export(page, platform, dataset, http)
    for name, mask in masks.items():
        stem = name.removesuffix(".png")
        rows = exported[f"{stem}.json"]["annotations"]
        assert exported[f"{stem}.json"]["image"]["file_name"] == name
        assert any(np.array_equal(decode(row["segmentation"]), mask) for row in rows), name


def sign_in(page: Page, platform: Running) -> None:
    page.goto(platform.url)
    page.get_by_label("E-mail").fill(platform.email)
    page.locator("input[name=password]").fill(platform.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Datasets", exact=True)).to_be_visible()


def state(page: Page) -> Json:
    value: Json = page.evaluate("window.__maskloom ? window.__maskloom.state : {}")
    return value


def document(page: Page) -> Json:
    value: Json = page.evaluate("window.__maskloom.document()")
    return value


def annotate_one(page: Page, platform: Running, dataset: Json, http: httpx.Client) -> tuple[str, NDArray[np.bool_]]:
    """Click the disc of the leased image, accept, reload, and see it again."""
    url = f"{platform.url}/datasets/{dataset['id']}/annotate"
    if not page.url.startswith(url):
        page.goto(url)
    until(lambda: state(page), lambda s: s.get("phase") == "working" and s.get("decoder") == "ready", 60)
    image = http.get(f"/api/images/{state(page)['image']}").json()
    seed = int(re.findall(r"\d+", image["file_name"])[0])
    _, truth, (x, y) = disc(seed)
    drawn = click_until_it_fits(page, truth)
    assert drawn[y, x], "the mask does not cover what was clicked on"
    assert iou(drawn, truth) > 0.6
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("mask-count")).to_have_attribute("data-count", "1")
    until(lambda: state(page), lambda s: s.get("save") == "saved" and s.get("pending") == 0, 30)
    page.reload()
    expect(page.get_by_test_id("mask-count")).to_have_attribute("data-count", "1")
    until(lambda: state(page), lambda s: s.get("phase") == "working", 60)
    kept = decode(document(page)["masks"][0]["rle"])
    assert np.array_equal(kept, drawn)
    return str(image["file_name"]), drawn


def go_on(page: Page) -> None:
    """Press Next image and wait for the next one; a page that leaves before would be given the same image again."""
    done = state(page)["image"]
    page.get_by_test_id("next-image").click()
    until(lambda: state(page), lambda s: s.get("phase") == "working" and s.get("image") != done, 60)


def look_back(page: Page) -> None:
    """The image before is a key away, with its mask; the one at hand comes again afterwards."""
    at_hand = state(page)["image"]
    page.keyboard.press("a")
    until(lambda: state(page), lambda s: s.get("phase") == "working" and s.get("image") != at_hand, 60)
    expect(page.get_by_test_id("mask-count")).to_have_attribute("data-count", "1")
    go_on(page)
    assert state(page)["image"] == at_hand


def click_until_it_fits(page: Page, truth: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Click on the object and correct the worst error, as a person does, five clicks at most -> the mask shown."""
    drawn = np.zeros_like(truth)
    for count in range(1, 6):
        x, y, label = next_click(drawn, truth)
        at = page.evaluate("([x, y]) => window.__maskloom.toClient(x, y)", [x, y])
        page.mouse.click(at["x"], at["y"], button="left" if label else "right")
        shown = until(
            lambda count=count: document(page),  # type: ignore[misc]
            lambda d, count=count: bool(d["draft"] and d["draft"]["answers"] and len(d["draft"]["prompts"]) == count),  # type: ignore[misc]
            30,
        )
        drawn = decode(shown["draft"]["rle"])
        if iou(drawn, truth) > 0.85:
            break
    return drawn


def start_round(page: Page, platform: Running, dataset: Json, http: httpx.Client) -> None:
    page.goto(f"{platform.url}/datasets/{dataset['id']}/rounds")
    page.get_by_role("button", name="Train a round").click()
    page.get_by_role("dialog").get_by_role("button", name="Train", exact=True).click()
    rounds = until(
        lambda: http.get("/api/rounds", params={"dataset_id": dataset["id"]}).json(),
        lambda r: bool(r["items"]) and r["items"][0]["state"] in {"activated", "rejected", "failed"},
    )
    assert rounds["items"][0]["state"] in {"activated", "rejected"}, rounds
    assert rounds["items"][0]["gate"]["reason"]


def switch_stage(page: Page, platform: Running, dataset: Json, stage: int) -> None:
    page.goto(f"{platform.url}/datasets/{dataset['id']}/rounds")
    page.get_by_role("button", name="Switch the stage").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=f"Stage {stage}").check()
    dialog.get_by_label("Reason").fill("turning the loop")
    dialog.get_by_role("button", name=f"Switch to stage {stage}").click()
    expect(dialog).to_be_hidden()


def export(page: Page, platform: Running, dataset: Json, http: httpx.Client) -> dict[str, Json]:
    """Ask for an SA-1B export in the page, download it there, and read its JSON files."""
    page.goto(f"{platform.url}/datasets/{dataset['id']}/exports")
    page.get_by_role("button", name="New export").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Export").click()
    link = page.get_by_role("link", name="Download").first
    expect(link).to_be_visible(timeout=120_000)
    with page.expect_download() as waiting:
        link.click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}
