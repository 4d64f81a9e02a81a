"""Evidence bundles: asked for, built in the background, kept sealed, handed out. Each step is an entry."""
