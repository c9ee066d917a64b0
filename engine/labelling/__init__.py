"""Clean references: which photos are worth one, whether a pair fits, and one made from a burst.

Imports what lies below `training`.
"""
