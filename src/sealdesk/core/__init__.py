"""What every part stands on and what knows no feature."""
