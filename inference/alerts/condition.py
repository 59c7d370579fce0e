"""When a cause becomes an alert and when the alert ends: onset delay and hysteresis, on whatever clock it is given."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Condition"]


@dataclass(slots=True)
class Condition:
    """onset_s: how long the cause must be present to raise; clear_s: how long absent to clear.

    raised_ns: onset (when the cause began) of the alert that stands, None when none does."""

    onset_s: float
    clear_s: float
    raised_ns: int | None = None
    _since_ns: int | None = None
    _absent_ns: int | None = None

    def update(self, present: bool | None, begin_ns: int, now_ns: int) -> str | None:
        """Take what is known of [begin_ns, now_ns). present None: neither (inside the hysteresis band, or not known).

        Returns "raised" or "cleared" when that happens now."""
        if present:
            self._absent_ns = None
            if self._since_ns is None:
                self._since_ns = begin_ns
            if self.raised_ns is None and now_ns - self._since_ns >= self.onset_s * 1e9:
                self.raised_ns = self._since_ns
                return "raised"
            return None
        self._since_ns = None
        if self.raised_ns is None or present is None:
            return None
        if self._absent_ns is None:
            self._absent_ns = begin_ns
        return self.clear() if now_ns - self._absent_ns >= self.clear_s * 1e9 else None

    def clear(self) -> str | None:
        """End the alert now, if one stands; forget what was pending."""
        stood = self.raised_ns is not None
        self.raised_ns = self._since_ns = self._absent_ns = None
        return "cleared" if stood else None
