"""One pane of the viewer, drawn: pixels, marks, caption."""
