"""What crosses between the engine's parts and out of it: configs, events, results, errors.

Frozen, picklable, free of torch; imports nothing of ours but `translatable`.
"""
