"""The record as readers see it: receipts, checkpoints, the policy that verifiers need."""
