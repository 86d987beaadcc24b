"""MQTT: our own endpoint that acknowledges only what is on disk, and subscription to another broker."""
