"""The storyteller's command line: everything goes through the HTTP API of the services.

Pure parts decide (`wanted`, `compare`), `api` speaks HTTP, the others are commands.
"""
