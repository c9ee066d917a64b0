"""Long work in one process, watched for what grows: `python -m tests.soak`, see `docs/promises.md`."""
