"""Where Lightsail is sold, frozen so that a site file can be checked without a network or boto3.

Source: botocore 1.44's endpoint data, `Session().get_available_regions("lightsail")`;
`tests/provision/test_tables.py` fails when the installed botocore knows others.
"""

from __future__ import annotations

REGIONS: tuple[str, ...] = (
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
