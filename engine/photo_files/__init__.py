"""Reading and writing of photos, whatever their format; `photos` is the door, the others stand behind it.

Imports `contracts` and `machine`.
"""
