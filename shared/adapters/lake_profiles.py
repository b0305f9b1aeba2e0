"""Profiles as JSON files beside the lake's tables."""

from shared.adapters.storage import LAPTOP, Storage, reachable
from shared.domain.profile import Profile
from shared.errors import Malformed
from shared.wire.profile import decode_profile, encode_profile


class LakeProfiles:
    """Profiles. `root` is the lake's."""

    def __init__(self, root: str, storage: Storage = LAPTOP) -> None:
        self._root = root.rstrip("/")
        self._storage = storage

    def save(self, name: str, profile: Profile) -> None:
        filesystem, path = self._storage.filesystem(f"{self._root}/{name}")
        with reachable(name):
            filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            filesystem.pipe_file(path, encode_profile(profile))

    def load(self, name: str) -> Profile | None:
        filesystem, path = self._storage.filesystem(f"{self._root}/{name}")
        try:
            with reachable(name):
                body = filesystem.cat_file(path)
            return decode_profile(body)
        except (FileNotFoundError, Malformed):
            return None
