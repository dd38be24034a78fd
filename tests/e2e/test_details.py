"""Looking closer: zoomed in, the page asks about the detail on screen, and its masks lie where they belong."""

from __future__ import annotations

import io
import time
from typing import Any

import httpx
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image as Pictures
from playwright.sync_api import Page, expect

from backend.simulate.decoder import Decoder, Prompts
from engine.geometry import WHOLE, Detail, Frame, mask_to_low_res
from tests.e2e.conftest import Running
from tests.e2e.test_loop import decode, document, iou, sign_in, state, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SIZE = (1203, 1801)
Json = dict[str, Any]


@pytest.fixture
def dataset(http: httpx.Client) -> Json:
    """One large photograph, embedded."""
    coffee = Pictures.fromarray(skimage.data.coffee())  # type: ignore[no-untyped-call]
    content = io.BytesIO()
    coffee.resize(SIZE[::-1], Pictures.Resampling.BICUBIC).save(content, "PNG")
    name = f"Close {time.monotonic_ns()}"
    policy = {"auto_rounds": False, "auto_stages": False}
    made: Json = http.post("/api/datasets", json={"name": name, "policy": policy}).raise_for_status().json()
    files = [("files", ("coffee.png", content.getvalue(), "image/png"))]
    http.post(f"/api/datasets/{made['id']}/imports", files=files).raise_for_status()
    until(lambda: http.get(f"/api/datasets/{made['id']}").json(), lambda d: d["counts"]["embedded"] == 1)
    return made


def look(page: Page) -> Json:
    return {"look": page.evaluate("window.__maskloom.look")}


def at(page: Page, x: int, y: int) -> tuple[float, float]:
    place = page.evaluate("([x, y]) => window.__maskloom.toClient(x, y)", [x, y])
    return place["x"], place["y"]


def answered(page: Page) -> Json:
    draft: Json = until(lambda: document(page), lambda d: bool(d["draft"] and d["draft"]["answers"]), 30)["draft"]
    return draft


def expected(http: httpx.Client, image_id: str, detail: Detail, prompts: Prompts) -> NDArray[np.bool_]:
    """The mask that the page's rules give in a detail, by other means than the page's."""
    (row,) = [model for model in http.get("/api/models").json()["items"] if model["builtin"]]
    decoder = Decoder(row["id"], http.get(row["prepare_url"]).content, http.get(row["decode_url"]).content)
    params = {"encoder": row["encoder_sha256"], "detail": detail.key}
    content = http.get(f"/api/images/{image_id}/embedding", params=params).raise_for_status().content
    return decoder.open(content, SIZE).predict(prompts).mask


def test_zoomed_in_the_model_sees_what_is_on_screen(
    platform: Running, http: httpx.Client, dataset: Json, page: Page
) -> None:
    sign_in(page, platform)
    page.goto(f"{platform.url}/datasets/{dataset['id']}/annotate")
    until(lambda: state(page), lambda s: s.get("phase") == "working" and s.get("decoder") == "ready", 60)
    assert look(page) == {"look": None}
    image_id = state(page)["image"]

    spot = (1460, 790)  # on the spoon
    for _ in range(12):
        page.mouse.move(*at(page, *spot))
        page.mouse.wheel(0, -240)
    seen = until(lambda: look(page), lambda s: bool(s["look"] and s["look"]["ready"]), 60)["look"]
    detail = Detail.parse(seen["key"])
    assert detail.level >= 2
    left, top, right, bottom = detail.box(SIZE)
    assert left <= spot[0] < right
    assert top <= spot[1] < bottom
    expect(page.get_by_test_id("tool-closer")).to_contain_text(f"{2**detail.level}\u00d7")

    page.mouse.click(*at(page, *spot))
    first = decode(answered(page)["rle"])
    assert first.shape == SIZE
    close = expected(http, image_id, detail, Prompts(points=[spot], labels=[1]))
    assert close.any()
    assert iou(first, close) > 0.99
    assert iou(first, expected(http, image_id, WHOLE, Prompts(points=[spot], labels=[1]))) < 0.9

    # From further away the mask so far is shown to the model in another frame.
    page.keyboard.press("f")
    until(lambda: look(page), lambda s: s["look"] is None, 10)
    other = (300, 200)
    page.mouse.click(*at(page, *other), button="right")
    until(lambda: document(page), lambda d: len(d["draft"]["prompts"]) == 2, 10)
    second = decode(answered(page)["rle"])
    shown = mask_to_low_res(first, Frame(SIZE, 768))
    prompts = Prompts(points=[spot, other], labels=[1, 0], previous=shown)
    assert iou(second, expected(http, image_id, WHOLE, prompts)) > 0.99


def test_looking_closer_can_be_turned_off(platform: Running, http: httpx.Client, dataset: Json, page: Page) -> None:
    sign_in(page, platform)
    page.goto(f"{platform.url}/datasets/{dataset['id']}/annotate")
    until(lambda: state(page), lambda s: s.get("phase") == "working" and s.get("decoder") == "ready", 60)
    page.keyboard.press("l")
    expect(page.get_by_test_id("tool-closer")).to_have_attribute("aria-pressed", "false")
    spot = (1000, 600)
    for _ in range(12):
        page.mouse.move(*at(page, *spot))
        page.mouse.wheel(0, -240)
    page.mouse.click(*at(page, *spot))
    drawn = decode(answered(page)["rle"])
    assert look(page) == {"look": None}
    whole = expected(http, state(page)["image"], WHOLE, Prompts(points=[spot], labels=[1]))
    assert iou(drawn, whole) > 0.99
