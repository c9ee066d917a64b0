"""Photos as a person has them: folders, pairs, scenes, crops, noise that is measured, photos that come twice.

Imports `contracts`, `machine` and `photo_files`; no torch.
"""
