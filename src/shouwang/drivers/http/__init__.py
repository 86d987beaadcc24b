"""HTTP: ThingsBoard's device API as a raw ASGI app beside Django; 200 only once the readings are on disk."""
