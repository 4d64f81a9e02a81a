"""The widget: a conversation window on an organisation's own sites, and the visitors who write in it."""
