"""TIFF, BigTIFF and what is built on them: directories, pages, stacks."""
