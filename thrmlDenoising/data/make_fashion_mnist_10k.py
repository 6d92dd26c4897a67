"""Make the data set inside the package, `fashion_mnist_10k`, from Debian's `dataset-fashion-mnist`.

    apt install dataset-fashion-mnist
    python -m thrmlDenoising.data.make_fashion_mnist_10k

keeps the first 10,000 training and the first 1,000 test images, losslessly, in the format of the
original: gzipped IDX files. Other compressions are a little smaller on these images, but gzip
needs no module that a Python may lack, and the reader for the complete sets reads it. Neither the
time nor a path enters the files: the same zlib writes the same bytes, and the hashes in
`idx_sets.py` hold the content whichever zlib wrote it.
"""

import argparse
import gzip
import hashlib
import io
from pathlib import Path

from thrmlDenoising.data.idx import encode_idx, read_idx
from thrmlDenoising.data.idx_sets import (
    SHA256,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
)
from thrmlDenoising.support.paths import user_path

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
N_KEPT = {TRAIN_IMAGES: 10_000, TRAIN_LABELS: 10_000, TEST_IMAGES: 1_000, TEST_LABELS: 1_000}


def compress(content: bytes) -> bytes:
    """Gzip without file name and time, so that equal content gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def make(source: Path, target: Path) -> None:
    """Write the four shortened files into `target` and print the hash of each content."""
    target.mkdir(parents=True, exist_ok=True)
    for file_name, n_kept in N_KEPT.items():
        complete = read_idx(source / f"{file_name}.gz", SHA256["fashion_mnist"][file_name])
        content = encode_idx(complete[:n_kept])
        compressed = compress(content)
        (target / f"{file_name}.gz").write_bytes(compressed)
        print(f"{file_name}.gz {len(compressed)} bytes, {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "source",
        type=user_path,
        nargs="?",
        default=DEBIAN_FOLDER,
        help=f"folder with Debian's files (default {DEBIAN_FOLDER})",
    )
    parser.add_argument(
        "--target",
        type=user_path,
        default=EMBEDDED_FOLDER,
        help="folder to write to (default: the one inside the package)",
    )
    arguments = parser.parse_args()
    make(arguments.source, arguments.target)
