"""Emarsys, mocked: contacts, their fields, sources and lists, under `/api/v2` with WSSE and `/api/v3` with OAuth2."""

from __future__ import annotations

from headcount.mock.emarsys.account import Emarsys
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.emarsys.wsse import wsse_refusal

__all__ = ["Emarsys", "EmarsysSwitches", "wsse_refusal"]
