"""What is due when: a heap that forgets what is no longer wanted."""

import heapq
from collections.abc import Hashable, Iterator


class Deadlines[K: Hashable]:
    """One moment, in milliseconds, for each key. A key that is set again or dropped leaves nothing behind for long."""

    def __init__(self) -> None:
        self._moments: dict[K, int] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._order = 0  # two keys of one moment are never compared

    def __contains__(self, key: K) -> bool:
        """Is something due for the key?"""
        return key in self._moments

    def set(self, key: K, moment: int) -> None:
        """The key is due then, and no longer when it was due before."""
        self._moments[key] = moment
        self._push(key, moment)
        if len(self._heap) > 2 * len(self._moments) + 64:
            self._heap.clear()
            for each, at in self._moments.items():
                self._push(each, at)

    def _push(self, key: K, moment: int) -> None:
        self._order += 1
        heapq.heappush(self._heap, (moment, self._order, key))

    def drop(self, key: K) -> None:
        """Nothing is due for the key."""
        self._moments.pop(key, None)

    def next(self) -> int | None:
        """When the first key is due."""
        while self._heap:
            moment, _, key = self._heap[0]
            if self._moments.get(key) == moment:
                return moment
            heapq.heappop(self._heap)
        return None

    def due(self, now: int) -> Iterator[K]:
        """Take the keys that are due, the first one first."""
        while (moment := self.next()) is not None and moment <= now:
            key = heapq.heappop(self._heap)[2]
            del self._moments[key]
            yield key
