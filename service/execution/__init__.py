"""What runs where and when: admission, the event loop, a thread or a process, joined runs.

Work comes in; its result goes out, or a refusal when it waited or took too long.
"""
