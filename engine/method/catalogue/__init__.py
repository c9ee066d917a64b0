"""What can be chosen by name, a row each with its settings: what forms and command line show before anything is loaded.

Loads no torch: a row names its class as text. Imports nothing of `method` but its own modules.
"""
