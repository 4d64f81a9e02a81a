"""What is not to be read any more: redaction, erasure by two people, and the legal holds that stop it (decision 0017)."""
