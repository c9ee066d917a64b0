"""What can be chosen by name: pretexts, losses, backbones and tasks, in the registry.

Imports what lies below `models`.
"""
