"""GB/T 28181 signalling (SIP and MANSCDP bodies), read only: no session, no media."""
