"""Who watches: members, profiles, credentials, sessions."""
