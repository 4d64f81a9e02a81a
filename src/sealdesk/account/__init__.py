"""One's own account: devices, password, second factors, tokens, the address mail goes to."""
