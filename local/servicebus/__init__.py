"""A Service Bus broker for a laptop: AMQP 1.0 over asyncio, queues in SQLite, for the unmodified azure-servicebus SDK.

Queues only: no sessions, topics, transactions, TLS or web sockets.
"""
