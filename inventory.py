"""pyinfra's inventory: the hosts that `provision` left for DEPLOY_ENV, strict about everything."""

from deploys.run import begin as _begin

globals().update(_begin())
