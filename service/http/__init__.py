"""What stands around every route: request ids, keys, limits, deadline, and the one error body.

A request comes in as the server hands it over; it goes on to its endpoint, or out as a refusal.
"""
