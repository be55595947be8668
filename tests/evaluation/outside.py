"""Accuracy of an ONNX file on the bundled test images, computed without RoboReg.

python outside.py FILE.onnx data/ writes it as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
metadata = session.get_modelmeta().custom_metadata_map
folder = Path(sys.argv[2])
test = json.loads((folder / "manifest.json").read_text())["splits"]["test"]

pixels = []
for part in test["files"]:
    # A mosaic holds 1,000 images of 32 x 32, in rows of 40.
    mosaic = np.asarray(Image.open(folder / part["file"]).convert("RGB"))
    tiles = mosaic.reshape(-1, 32, 40, 32, 3).transpose(0, 2, 4, 1, 3)
    pixels.append(tiles.reshape(-1, 3, 32, 32)[: part["images"]])
images, labels = np.concatenate(pixels), np.array(test["labels"])

right = sum(
    int(
        (
            session.run(["logits"], {"images": images[start : start + 250]})[0].argmax(1) == labels[start : start + 250]
        ).sum()
    )
    for start in range(0, len(images), 250)
)
sys.stdout.write(json.dumps({"accuracy": right / len(images), "images": len(images), "metadata": metadata}))
