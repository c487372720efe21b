"""Other wordings of characters, actions and spoken words."""
