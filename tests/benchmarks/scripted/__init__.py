"""What the scripted user does, one module a page: `python3 run.py bench scripted_user`."""
