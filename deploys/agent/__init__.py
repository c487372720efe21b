"""The one script that runs on hosts: `python3 -IS -`, script and request by stdin.

So neither is in argv or in a log. It uses the OS's own Python (3.12 and 3.13) and the standard
library only. `deploys/requests.py` joins the modules of this folder into one script: `look`
alone to observe, all of them to act; their imports of each other fall away there.
"""
