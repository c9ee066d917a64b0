"""The command line: `residua`, a look at the machine, and the main job without a window.

Goes through `engine.jobs`.
"""
