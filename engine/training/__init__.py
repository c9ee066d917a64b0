"""The one optimisation loop, what it minimises, who watches it, and what it leaves behind.

Imports `comparing` and what lies below it.
"""
