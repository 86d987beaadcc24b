"""JT/T 808: vehicle terminals, with active safety (T/JSATL12) and its attachments."""
