"""The offline verifier of Sealdesk's evidence bundles, and the formats that server and verifier share."""
