"""What can be chosen by name: the catalogue, the pretexts, losses, backbones and tasks that it names, and the factory.

Imports what lies below `models`.
"""
