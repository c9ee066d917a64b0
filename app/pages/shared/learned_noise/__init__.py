"""What was learned of the photos' own noise, shown: before a training, while it runs, and afterwards.

Shared by the pages that train, list runs and inspect residuals; knows none of them.
"""
