"""Crops made from their plans with torch, on the device that trains: an accelerator waits for no CPU then.

The same crops as `engine.train.rendering` makes, up to how pixels are averaged and to the noise's numbers. Images and
masks are sent to the device once and stay there, while there is room for them. On CUDA each calling thread works on a
stream of its own, so that crops are made beside the training step.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.geometry import LOW_RES_STRIDE
from engine.train.batches import RenderedCrop
from engine.train.rendering import MIN_BARE, MIN_LEFT, PIXEL_MEAN, PIXEL_STD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.train.augment import AugmentSettings, Colour, CropPlan, Paste, Window
    from engine.train.data import Sample

__all__ = ["DeviceRenderer"]

ROOM_BYTES = 16 * 2**30


@dataclass(frozen=True)
class _Sent:
    """A sample on the device: `image` uint8 (3, H, W); `packed` uint8 (K, H, W / 8), eight pixels of a mask a byte;
    `bare` bool (H, W) where all objects are known. Held, `sample` keeps its id.
    """

    sample: Sample
    image: Tensor
    packed: Tensor
    bare: Tensor | None

    def masks(self, indices: list[int], window: Window) -> Tensor:
        """What of the masks lies in `window` xyxy, (K, h, w) of 0 and 1, float32."""
        x0, y0, x1, y1 = window
        first, last = x0 // 8, -(-x1 // 8)
        bits = torch.arange(7, -1, -1, device=self.packed.device, dtype=torch.uint8)
        pixels = (self.packed[indices, y0:y1, first:last][..., None] >> bits) & 1
        return pixels.flatten(2)[..., x0 - 8 * first : x1 - 8 * first].float()

    @property
    def tensors(self) -> list[Tensor]:
        """All that lies on the device."""
        return [self.image, self.packed, *([] if self.bare is None else [self.bare])]

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors)


class DeviceRenderer:
    """Renders plans on `device`. May be called from several threads.

    Of the samples, which a source should give as the same objects each time, those used last stay on the device, up to
    `room_bytes` in all; others are sent again.
    """

    def __init__(self, device: torch.device, room_bytes: int = ROOM_BYTES) -> None:
        self._device = device
        self._room_bytes = room_bytes
        self._lock = threading.Lock()
        self._mean, self._std = (
            torch.from_numpy(values).to(device)[:, None, None] for values in (PIXEL_MEAN, PIXEL_STD)
        )
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._held_bytes = 0
        self._local = threading.local()

    @torch.no_grad()
    def __call__(self, plan: CropPlan, settings: AugmentSettings) -> RenderedCrop:
        with self._own_stream():
            crop = self._render(plan, settings)
            if self._device.type == "cuda":  # the step reads them on the default stream
                for tensor in (crop.image, crop.targets, *([] if crop.bare is None else [crop.bare])):
                    tensor.record_stream(torch.cuda.default_stream(self._device))
            return crop

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        if self._device.type != "cuda":
            yield
            return
        if not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._local.stream):
            yield
            self._local.stream.synchronize()

    def _render(self, plan: CropPlan, settings: AugmentSettings) -> RenderedCrop:
        size, (x0, y0, x1, y1), (out_h, out_w) = plan.size, plan.window, plan.out_size
        sent = self._send(plan.sample)
        pixels = _resize(sent.image[:, y0:y1, x0:x1].float(), plan.out_size)
        pixels = pixels.flip(-1) if plan.flip else pixels
        covers = [self._lay_over(pixels, paste, size) for paste in plan.pastes]
        laid = torch.stack(covers).amax(dim=0) if covers else None
        targets, masks = self._targets(plan, sent, _topmost(covers), laid, settings)

        image = torch.zeros(3, size, size, device=self._device)
        image[:, :out_h, :out_w] = (self._jitter(pixels, plan.colour) - self._mean) / self._std
        bare = None if sent.bare is None else self._bare(plan, sent.bare, laid)
        return RenderedCrop(image, targets, masks, bare)

    def _targets(
        self, plan: CropPlan, sent: _Sent, pasted: list[Tensor], laid: Tensor | None, settings: AugmentSettings
    ) -> tuple[Tensor, tuple[int, ...]]:
        grid = plan.size // LOW_RES_STRIDE
        own = sent.masks(list(plan.masks), plan.window)
        cells = _cells(_resize(own, plan.out_size), plan, flip=plan.flip) if len(own) else own.new_zeros(0, grid, grid)
        before = cells.sum(dim=(1, 2))
        cells = cells if laid is None else cells * (1 - laid)
        every = torch.cat([*(cover[None] for cover in pasted), cells])
        area = every.sum(dim=(1, 2))
        usable = (area >= settings.min_cells) & (area <= settings.max_cover * grid * grid)
        usable[len(pasted) :] &= area[len(pasted) :] >= MIN_LEFT * before
        kept = usable.nonzero()[: plan.num_masks, 0]
        indices = [*[-1] * len(pasted), *plan.masks]
        return every[kept], tuple(indices[place] for place in kept.tolist())

    def _lay_over(self, pixels: Tensor, paste: Paste, size: int) -> Tensor:
        """Paint the object into `pixels` (3, h, w), in place -> the fraction of each low_res cell that it covers."""
        x0, y0, x1, y1 = paste.source
        left, top, right, bottom = paste.target
        sent = self._send(paste.donor)
        mask, image = sent.masks([paste.index], paste.source), sent.image[:, y0:y1, x0:x1].float()
        thing = _resize(torch.cat([mask * 255, image]), (bottom - top, right - left))
        thing = thing.flip(-1) if paste.flip else thing
        alpha = thing[:1] / 255
        under = pixels[:, top:bottom, left:right]
        under += alpha * (thing[1:] - under)
        square = torch.zeros(1, size, size, device=self._device)
        square[:, top:bottom, left:right] = alpha
        return functional.avg_pool2d(square, LOW_RES_STRIDE)[0]

    def _jitter(self, pixels: Tensor, colour: Colour) -> Tensor:
        matrix = torch.from_numpy(colour.matrix.astype(np.float32)).to(self._device)
        shift = pixels.mean() * colour.middle + colour.shift
        changed = torch.einsum("ij,jhw->ihw", matrix, pixels) + shift
        if colour.noise:
            generator = torch.Generator(self._device).manual_seed(colour.seed)
            changed += colour.noise * torch.randn(changed.shape, generator=generator, device=self._device)
        return changed.clamp_(0, 255)

    def _bare(self, plan: CropPlan, bare: Tensor, laid: Tensor | None) -> Tensor | None:
        x0, y0, x1, y1 = plan.window
        cells = _cells(_resize(bare[None, y0:y1, x0:x1].float(), plan.out_size), plan, flip=plan.flip)
        cells = cells if laid is None else cells * (1 - laid)
        # Eroded by a cell; outside the crop nothing is known.
        taken = functional.pad((cells <= 0.99).float(), (1, 1, 1, 1), value=1.0)
        inner = 1 - functional.max_pool2d(taken, 3, stride=1)
        return inner[0] if float(inner.sum()) >= MIN_BARE else None

    def _send(self, sample: Sample) -> _Sent:
        with self._lock:
            sent = self._sent.get(id(sample))
        if sent is None:
            image = torch.from_numpy(np.ascontiguousarray(sample.image.transpose(2, 0, 1))).to(self._device)
            packed = torch.from_numpy(np.packbits(sample.masks(), axis=-1)).to(self._device)
            bare = torch.from_numpy(sample.bare()).to(self._device) if sample.complete else None
            sent = _Sent(sample, image, packed, bare)
        with self._lock:
            if id(sample) not in self._sent:  # else another thread was faster
                self._sent[id(sample)] = sent
                self._held_bytes += sent.nbytes
            sent = self._sent[id(sample)]
            self._sent.move_to_end(id(sample))
            while len(self._sent) > 1 and self._held_bytes > self._room_bytes:
                self._held_bytes -= self._sent.popitem(last=False)[1].nbytes
        if self._device.type == "cuda":  # may be dropped while this thread's stream still reads it
            for tensor in sent.tensors:
                tensor.record_stream(torch.cuda.current_stream(self._device))
        return sent


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(C, h, w) -> (C, *size), averaging where it gets smaller."""
    return functional.interpolate(images[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def _cells(scaled: Tensor, plan: CropPlan, *, flip: bool) -> Tensor:
    """(K, h, w) coverage of the crop's pixels -> (K, S/4, S/4) of its low_res cells."""
    scaled = scaled.flip(-1) if flip else scaled
    room = (0, plan.size - scaled.shape[-1], 0, plan.size - scaled.shape[-2])
    return functional.avg_pool2d(functional.pad(scaled, room), LOW_RES_STRIDE)


def _topmost(covers: list[Tensor]) -> list[Tensor]:
    """What is seen of things laid over each other in this order."""
    seen: list[Tensor] = []
    left = torch.ones(())  # of every cell, in sight
    for cover in reversed(covers):
        seen.append(cover * left.to(cover.device))
        left = torch.minimum(left.to(cover.device), 1 - cover)
    return seen
