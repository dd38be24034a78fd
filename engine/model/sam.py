"""The promptable segmentation model: image encoder, prompt encoder and mask decoder under one roof.

Works in the model frame and knows nothing of files. Submodule names and state-dict keys are those of the released
SAM checkpoints, whatever the sizes; a detector, which those have not, may stand beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import ImageError
from engine.geometry import Frame
from engine.model.config import ConvConfig, ModelConfig
from engine.model.constraints import constrained
from engine.model.conv_encoder import ConvEncoder
from engine.model.mask_decoder import ImageFeatures, MaskDecoder
from engine.model.preprocess import PIXEL_MEAN, PIXEL_STD, check_rgb, resize_rgb
from engine.model.prompt_encoder import PromptEncoder, as_points
from engine.model.vit_encoder import ViTEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from engine.model.detector import Detector

__all__ = ["Sam", "build_model"]


class Sam(nn.Module):
    """Build with a config; `engine.load` gives trained ones.

    `detector` finds boxes on the embedding (`engine.model.detector`); None in a model that has none, as it is built.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.dtype = torch.float32  # of the encoder, and of what the decoder does cell by cell
        encoder = config.encoder
        self.image_encoder: ConvEncoder | ViTEncoder = (
            ConvEncoder(encoder, config.prompt_dim, config.grid)
            if isinstance(encoder, ConvConfig)
            else ViTEncoder(encoder, config.image_size, config.patch_size, config.prompt_dim)
        )
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)
        self.detector: Detector | None = None
        if isinstance(self.image_encoder, ConvEncoder):
            matrix = self.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
            self.image_encoder.position_matrix.copy_(matrix)
        self.reset_constants()

    def reset_constants(self) -> None:
        """(Re)create the buffers that no checkpoint holds; needed after building on the meta device."""
        device = torch.device("cpu")
        self.register_buffer("pixel_mean", torch.tensor(PIXEL_MEAN, device=device).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(PIXEL_STD, device=device).view(1, 3, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.pixel_mean.device

    def preprocess(self, images: Sequence[NDArray[np.uint8]] | Tensor) -> Tensor:
        """Make the encoder's input.

        Args:
            images: uint8 RGB arrays (h, w, 3) of any size, which are resized here; or a (B, 3, h, w) tensor of values
                0..255 that is already in the model frame (h, w <= S).

        Returns:
            (B, 3, S, S) float32 on the model's device: normalised, then zero-padded on the right and at the bottom.

        Raises:
            ImageError: something is not an image, or a tensor is larger than the model's input.
        """
        if isinstance(images, Tensor):
            return self._normalise(images)
        if not len(images):
            raise ImageError("There is no image to preprocess; pass at least one.")
        size = self.config.image_size
        checked = [check_rgb(image) for image in images]
        resized = [resize_rgb(image, Frame((image.shape[0], image.shape[1]), size)) for image in checked]
        # Bytes go to the device, where they are turned round and become numbers. A copy: arrays made by PIL are
        # read-only, which torch warns about.
        bytes_ = [torch.from_numpy(np.array(image)).to(self.device) for image in resized]
        return torch.cat([self._normalise(image.permute(2, 0, 1)[None].contiguous()) for image in bytes_])

    def embed(self, batch: Tensor) -> Tensor:
        """(B, 3, S, S) preprocessed images -> (B, C, G, G) embeddings, float32 whatever the model works in."""
        embedding: Tensor = self.image_encoder(batch.to(self.dtype))
        return embedding.to(batch.dtype)

    def use_bfloat16(self) -> None:
        """Hold the encoder in bfloat16, and let the decoder do in it what happens cell by cell, but in generation on
        CPUs; not for training.

        Several times as fast on a GPU. Embeddings move by about a hundredth of their largest value. Statistics and
        positions stay in float32: they are few, and rounding them would move everything.
        """
        self.dtype = torch.bfloat16
        for module in self.image_encoder.modules():
            if not isinstance(module, nn.BatchNorm2d):
                for parameter in module.parameters(recurse=False):
                    parameter.data = parameter.data.to(self.dtype)

    def compile_encoder(self, backend: str = "inductor") -> None:
        """Let `torch.compile` write the encoder's kernels: the first image takes a minute, those after it less time.

        Worth it on CUDA and for many images. A transformer's blocks are compiled one by one, since alike blocks share
        their kernels. Keys of the state dict stay as they are.
        """
        encoder = self.image_encoder
        for part in encoder.blocks if isinstance(encoder, ViTEncoder) else [encoder]:
            part.compile(backend=backend, dynamic=False)

    def check_embedding(self, embedding: ArrayLike | Tensor, name: str = "the image") -> Tensor:
        """An embedding from outside, (C, G, G) or (1, C, G, G), as this model's own: (1, C, G, G) float32.

        Raises:
            ImageError: it does not fit this model or holds NaN or infinity; the message names the image.
        """
        if not isinstance(embedding, Tensor):
            embedding = torch.from_numpy(np.array(embedding, dtype=np.float32))
        values = embedding.to(self.device, torch.float32)
        values = values[None] if values.ndim == 3 else values
        expected = (1, self.config.prompt_dim, self.config.grid, self.config.grid)
        if tuple(values.shape) != expected:
            raise ImageError(
                f"The embedding of {name} has shape {tuple(embedding.shape)}, this model needs {expected[1:]}. "
                "It was made by another model; embed the image again."
            )
        if not bool(values.isfinite().all()):
            raise ImageError(f"The embedding of {name} holds NaN or infinity; embed the image again.")
        return values

    def prepare(self, embedding: Tensor) -> ImageFeatures:
        """(B, C, G, G) embeddings -> all that the decoder can know of them before a prompt; accepted by `decode`."""
        no_mask = self.prompt_encoder.no_mask_embed.weight[0]
        return self.mask_decoder.prepare(embedding, self.prompt_encoder.dense_pe(), no_mask).to(self.dtype)

    def decode(
        self,
        embedding: Tensor | ImageFeatures,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
        *,
        image_index: Tensor | None = None,
        has_mask: Tensor | None = None,
        pad: bool | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Answer N prompts about B images.

        Args:
            embedding: (B, C, G, G), or what `prepare` made of it, to spare work when prompting again.
            points: (N, P, 2) model-frame (x, y) in pixels.
            labels: (N, P): 1 foreground, 0 background, 2 box top left, 3 box bottom right, -1 padding.
            boxes: (N, 4) model-frame xyxy.
            masks: (N, 1, 4G, 4G) low_res logits of an earlier answer.
            image_index: (N,) which image each prompt is about; 0 for all by default.
            has_mask: (N,) which prompts have a mask, where `masks` is given and not all have one.
            pad: append a padding point; by default exactly when there are points and no `boxes`.

        Returns:
            low_res logits (N, 4, 4G, 4G) and predicted IoU (N, 4), in the order [single, candidate 1, 2, 3].
        """
        features = self.prepare(embedding) if isinstance(embedding, Tensor) else embedding
        cells = features.cells
        prompt = as_points(points, labels, boxes, pad=pad)
        if prompt is None:
            count = cells.shape[0] if masks is None else masks.shape[0]
            sparse = torch.zeros(count, 0, self.config.prompt_dim, device=cells.device)
        else:
            sparse = self.prompt_encoder.point_tokens(*prompt)
        if image_index is None and cells.shape[0] > 1:
            image_index = torch.zeros(sparse.shape[0], dtype=torch.int64, device=cells.device)
        mask = None if masks is None else self.prompt_encoder.mask_prompt(masks, has_mask)
        low_res, iou = self.mask_decoder(features, sparse, image_index, mask)
        if self.config.constrained and prompt is not None and prompt[0].shape[1]:
            low_res = constrained(low_res, *prompt, masks, has_mask)
        return low_res, iou

    def freeze_batchnorm(self, frozen: bool = True, layers: int | None = None) -> None:
        """Hold the statistics of the encoder, or of its first `layers`, still; a transformer encoder has none."""
        if isinstance(self.image_encoder, ConvEncoder):
            self.image_encoder.freeze_batchnorm(frozen, layers)

    def _normalise(self, images: Tensor) -> Tensor:
        size = self.config.image_size
        if images.ndim != 4 or images.shape[1] != 3 or max(images.shape[2:]) > size:
            raise ImageError(
                f"Images in the model frame must have shape (B, 3, h, w) with h, w <= {size}, "
                f"got {tuple(images.shape)}."
            )
        images = (images.to(self.device, torch.float32) - self.pixel_mean) / self.pixel_std
        return functional.pad(images, (0, size - images.shape[3], 0, size - images.shape[2]))


def build_model(config: ModelConfig, seed: int = 0) -> Sam:
    """A model with fresh random weights, in eval mode; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Sam(config)
    return model.eval()
