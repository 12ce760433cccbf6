"""Places on the earth, and the distance between them. Pure."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

EARTH_RADIUS = 6371.0088
"""Kilometres: the mean radius of the earth (H. Moritz, "Geodetic Reference System 1980")."""


class Location(BaseModel):
    """A place, in degrees north and east."""

    model_config = ConfigDict(frozen=True)

    latitude: Annotated[float, Field(ge=-90, le=90, description="Degrees north of the equator.")]
    longitude: Annotated[float, Field(ge=-180, le=180, description="Degrees east of Greenwich.")]

    def coarse(self) -> Location:
        """Return the place to a tenth of a degree, which is 11 km or less."""
        return Location(latitude=round(self.latitude, 1), longitude=round(self.longitude, 1))


def distance_km(one: Location, other: Location) -> float:
    """Return the great-circle distance in kilometres, by the haversine formula."""
    north, other_north = radians(one.latitude), radians(other.latitude)
    east = radians(other.longitude - one.longitude)
    chord = sin((other_north - north) / 2) ** 2 + cos(north) * cos(other_north) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS * asin(min(1.0, sqrt(chord)))
