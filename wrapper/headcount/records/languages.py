"""Language tags to the codes of a vendor.

In order: the code itself; the tag with its region (`eng-GB` is `EN_GB`); the language alone (`es-CO` is
`ES`). Chinese goes by script, then region, since `ZH` alone is read as simplified. Nearest matching by
CLDR is not used: it answers a Colombian with Argentine Spanish and an Indian with British English.
"""

from __future__ import annotations

from functools import lru_cache

# Where the code in use is another one than the standard form of the tag.
_OVERRIDES = {"no": "nb", "yue": "zh-hant-hk"}
_TRADITIONAL_REGIONS = frozenset({"TW", "HK", "MO"})
_LONGEST_TAG = 35  # RFC 5646, section 4.4.1


@lru_cache(maxsize=4096)
def match(tag: str, codes: frozenset[str]) -> str | None:
    """The code for a tag, as it is spelled in `codes`, or None."""
    if len(tag) > _LONGEST_TAG:
        return None
    known = _by_key(codes)
    exact = known.get(_key(tag))
    if exact is not None:
        return exact
    return next((known[key] for key in map(_key, _candidates(tag)) if key in known), None)


def _candidates(tag: str) -> list[str]:
    import langcodes

    try:
        # Macro languages: `cmn` is zh, `arb` is ar. Old codes become current ones: `iw` he, `tl` fil.
        standard = langcodes.standardize_tag(tag.replace("_", "-"), macro=True)
        language = langcodes.Language.get(_OVERRIDES.get(standard, standard))
    except ValueError:
        return []
    if language.language is None or not language.is_valid():
        return []
    name = _OVERRIDES.get(language.language, language.language)
    region = language.territory or ""
    if name == "zh":
        return _chinese(language.script, region)
    return [f"{name}-{region}", name]


def _chinese(script: str | None, region: str) -> list[str]:
    traditional = script == "Hant" or (script is None and region in _TRADITIONAL_REGIONS)
    if traditional:
        return ["zh-hk" if region in ("HK", "MO") else "zh-tw"]
    return ["zh-cn", "zh"] if region == "CN" else ["zh", "zh-cn"]


@lru_cache(maxsize=16)
def _by_key(codes: frozenset[str]) -> dict[str, str]:
    return {_key(code): code for code in codes}


def _key(tag: str) -> str:
    return tag.casefold().replace("_", "-")
