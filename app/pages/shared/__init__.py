"""What more than one page uses; no page imports another."""
