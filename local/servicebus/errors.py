"""What a queue refuses, in the service's own conditions."""

BAD_ARGUMENT = "com.microsoft:argument-error"
LOCK_LOST = "com.microsoft:message-lock-lost"
NOT_FOUND = "com.microsoft:message-not-found"
NOT_ALLOWED = "amqp:not-allowed"
LONGEST_ID = 128


class QueueError(Exception):
    """Refused by the queue: an AMQP error condition, a description, and the status of a management answer."""

    def __init__(self, condition: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.condition, self.description, self.status = condition, description, status
