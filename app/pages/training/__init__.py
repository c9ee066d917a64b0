"""Pretrain and Fine-tune: one page in two kinds, and the label budget."""
