"""Images as `data:` URLs."""

import base64
import io

import numpy as np
from PIL import Image


def png_url(picture: np.ndarray, scale: int = 1) -> str:
    """A uint8 RGB image (height, width, 3) as a PNG in a `data:` URL, enlarged by an integer `scale`."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    if scale > 1:
        image = image.resize((width * scale, height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
