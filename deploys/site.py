"""Entry: the whole site, every host with all its roles, one observation per host."""

from deploys.converge import converge

converge("site")
