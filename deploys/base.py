"""Entry: what every host gets."""

from deploys.converge import converge

converge("base")
