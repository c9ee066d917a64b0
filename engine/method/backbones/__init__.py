"""Networks that restore; each takes any height and width."""
