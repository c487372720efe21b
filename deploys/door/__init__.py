"""The door: who may ask the search node what. One table of rules, rendered for nginx."""
