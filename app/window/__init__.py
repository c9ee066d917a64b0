"""The window around the pages: header, rail, bars, dialogs."""
