"""Other programs of this machine: its file manager, and those in which a photo or a result can be opened."""
