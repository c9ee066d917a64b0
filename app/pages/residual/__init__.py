"""The residual inspector: what a restoration took away, and what that tells."""
