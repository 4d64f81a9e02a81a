"""Building a bundle: pin the two logs, stage entries and contents in index order, write what people read, seal, keep."""
