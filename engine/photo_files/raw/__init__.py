"""Camera raw files: LibRaw in a process of its own, the mosaic in numbers, and the way to a picture."""
