"""Words that hurt and people who keep trying: found, flagged for review, escalated; never dropped and never hidden."""
