"""The trail on its way to destinations outside: a courier for each organisation, a way for each protocol."""

from adapters.deliveries.courier import Courier
from adapters.deliveries.edge import Deliveries
from adapters.deliveries.stand import Stand
from adapters.deliveries.ways import Ways

__all__ = ["Courier", "Deliveries", "Stand", "Ways"]
