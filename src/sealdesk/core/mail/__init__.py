"""Mail through one port: a folder or the console by default, SMTP where it is configured."""
