"""The embedding file: small, self-describing, and refused when damaged."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load, save

from engine.errors import FormatError
from engine.predict.embedding import EmbeddingMeta, decode, encode

META = EmbeddingMeta(encoder_sha256="e" * 64, image_sha256="1" * 64, image_size=64, original_size=(30, 40))


# Channels of any loudness, from the smallest float32 that there is to nearly the largest.
loudness = hnp.arrays(np.float32, (3, 1, 1), elements=st.sampled_from(np.float32([1e-45, 1e-30, 1, 1e38]).tolist()))
embeddings = st.tuples(hnp.arrays(np.float32, (3, 2, 2), elements=st.floats(-1, 1, width=32)), loudness).map(
    lambda parts: parts[0] * parts[1]
)


@given(embeddings)
@settings(deadline=None)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_int8_is_exact_to_half_a_step_per_channel(embedding):
    content = encode(embedding, META)
    values, meta = decode(content)
    assert meta == META
    assert values.dtype == np.float32
    exact = embedding.astype(np.float64)
    step = np.abs(exact).max(axis=(1, 2), keepdims=True) / 127
    assert (np.abs(values - exact) <= step * 0.5001 + 1e-40).all()
    tensors = load(content)
    assert tensors["embedding"].dtype == np.int8
    assert tensors["scale"].shape == (3,)
    assert np.array_equal(tensors["embedding"] * tensors["scale"][:, None, None], values)


@pytest.fixture
def embedding():
    return np.random.default_rng(0).normal(size=(8, 4, 4)).astype(np.float32)


def test_float16(embedding):
    content = encode(embedding, META, dtype="float16")
    values, meta = decode(content)
    assert meta == META
    assert set(load(content)) == {"embedding"}
    np.testing.assert_allclose(values, embedding, rtol=1e-3)


def test_header_is_all_strings(embedding):
    content = encode(embedding, META)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])["__metadata__"]
    assert header == {
        "format": "maskloom-embedding-1",
        "encoder_sha256": "e" * 64,
        "image_sha256": "1" * 64,
        "detail": "0-0-0",
        "image_size": "64",
        "height": "30",
        "width": "40",
    }


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        (np.full((2, 4, 4), np.nan), "int8", "of image 111111111111 holds NaN"),
        (np.full((2, 4, 4), -np.inf), "float16", "of image 111111111111 holds NaN or infinity"),
        (np.full((2, 4, 4), 1e5), "float16", "of image 111111111111 exceeds float16's range"),
        (np.zeros((1, 2, 4, 4)), "int8", "shape"),
        (np.zeros((2, 4, 3)), "int8", "shape"),
        (np.zeros((2, 4, 4)), "float32", "int8 or float16"),
    ],
)
def test_what_is_not_stored(values, dtype, message):
    with pytest.raises(FormatError, match=message):
        encode(values, META, dtype=dtype)


def test_damaged_files(embedding):
    content = encode(embedding, META)
    for broken in (b"", content[:20], content[:-1], b"\xff" * 100):
        with pytest.raises(FormatError, match="damaged"):
            decode(broken)


@pytest.mark.parametrize(
    ("tensors", "changes", "message"),
    [
        ({}, {"format": "something"}, "not a Maskloom embedding"),
        ({}, {"height": "tall"}, "breaks its format"),
        ({"embedding": np.zeros((8, 4, 4), dtype=np.float64)}, {}, "float64"),
        ({"embedding": np.zeros((8, 4), dtype=np.int8)}, {}, "shape"),
        ({"scale": np.zeros(3, dtype=np.float32)}, {}, "scale"),
        ({"scale": np.full(8, np.nan, dtype=np.float32)}, {}, "of image 111111111111 .* NaN or infinity"),
        ({"embedding": np.full((8, 4, 4), np.inf, dtype=np.float16)}, {}, "of image 111111111111 .* NaN or infinity"),
    ],
)
def test_broken_contents(embedding, tensors, changes, message):
    content = encode(embedding, META)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])["__metadata__"]
    with pytest.raises(FormatError, match=message):
        decode(save({**load(content), **tensors}, metadata={**header, **changes}))


def test_a_detail_is_told_and_files_without_one_are_of_the_whole_image(embedding):
    part = replace(META, detail="1-0-2")
    assert decode(encode(embedding, part))[1] == part
    content = encode(embedding, META)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert header["__metadata__"].pop("detail") == "0-0-0"
    older = save(load(content), metadata=header["__metadata__"])
    assert b"detail" not in older
    assert decode(older)[1] == META
