from __future__ import annotations

from tests.transfer.conftest import ends

__all__ = ["ends"]
