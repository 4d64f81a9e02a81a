"""One's own account: devices, second factors, and the organisation one works in."""
