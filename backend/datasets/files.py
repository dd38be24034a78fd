"""Where images and thumbnails lie in the storage."""


def image_key(sha256: str) -> str:
    """The image file as it is served."""
    return f"images/{sha256[:2]}/{sha256}"


def thumbnail_key(sha256: str) -> str:
    """A small JPEG of it."""
    return f"thumbs/{sha256[:2]}/{sha256}.jpg"
