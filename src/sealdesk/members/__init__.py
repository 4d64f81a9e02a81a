"""What an organisation's admins do: members, invitations, roles, rules of signing in."""
