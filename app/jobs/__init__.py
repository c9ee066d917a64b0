"""Work in background threads: started, watched, paused, stopped."""
