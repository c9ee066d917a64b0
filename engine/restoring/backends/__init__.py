"""Ways to compute a network on a CPU that are faster than torch: optional packages, chosen by measuring."""
