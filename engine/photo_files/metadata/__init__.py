"""What files say of their photos beside the pixels: EXIF, XMP, IPTC, texts; read, fitted to a format, written."""
