"""What the image's registry has, where it runs, and which digest the site file names.

Reads the registry and the hosts, and writes one line of one file; it never deploys.
"""
