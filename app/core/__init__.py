"""What the whole window shares and no page owns: session, settings, actions, messages, memory.

Imports `look` and `jobs`.
"""
