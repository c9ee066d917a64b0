"""The label-budget experiment: what pretraining and a few more labels are worth on a person's own folder."""
