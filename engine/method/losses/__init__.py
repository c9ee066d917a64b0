"""Losses of residual contrastive learning."""
