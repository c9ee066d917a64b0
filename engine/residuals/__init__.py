"""What a restoration took away from a photo, and whether a picture is left in it.

Imports `restoring` and what lies below it.
"""
