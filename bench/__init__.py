"""Figures as ratios, each taken in one run against something that anyone can start."""
