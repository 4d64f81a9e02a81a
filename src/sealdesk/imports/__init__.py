"""History from elsewhere, recorded as imported: its times and authors are claims, its entries are of now."""
