"""What runs where and when: admission, the event loop or a thread, micro-batches.

Work comes in with what it is thought to cost; its result goes out, or a refusal.
"""
