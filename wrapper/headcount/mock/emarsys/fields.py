"""The fields that every account has, and their choices.

Numbers, names and types are the vendor's list of system fields (vendor-docs); choices are documented for few fields
(5, 46: client-source; 26: vendor-docs), the others are inferred.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
from starlette.responses import Response

from headcount.mock.emarsys.replies import Refused, envelope
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.vendor import Call, Handler, Vendor

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}(:[0-9]{2})?)?")


@attrs.frozen
class FieldInfo:
    """A field: its name, its name in paths, its type, and its choices by id."""

    name: str
    string_id: str
    kind: str
    choices: tuple[str, ...] = ()


_YES_NO = ("True", "False")
_SYSTEM = {
    "0": FieldInfo("Interests", "interests", "interests", ("Sports", "Music", "Travel", "Food")),
    "1": FieldInfo("First Name", "first_name", "shorttext"),
    "2": FieldInfo("Last Name", "last_name", "shorttext"),
    "3": FieldInfo("E-Mail", "email", "longtext"),
    "4": FieldInfo("Date of Birth", "birth_date", "birthdate"),
    "5": FieldInfo("Gender", "gender", "singlechoice", ("Male", "Female")),
    "6": FieldInfo("Marital Status", "marital_status", "singlechoice", ("Single", "Married")),
    "7": FieldInfo("Children", "children", "singlechoice", ("Yes", "No")),
    "8": FieldInfo("Education", "education", "singlechoice", ("School", "University")),
    "9": FieldInfo("Title", "title", "singlechoice", ("Dr.", "Prof.")),
    "10": FieldInfo("Address", "address", "longtext"),
    "11": FieldInfo("City", "city", "shorttext"),
    "12": FieldInfo("State", "state", "shorttext"),
    "13": FieldInfo("ZIP Code", "zip_code", "shorttext"),
    "14": FieldInfo("Country", "country", "singlechoice", ("Austria", "Germany", "Hungary")),
    "15": FieldInfo("Phone", "phone", "shorttext"),
    "16": FieldInfo("Fax", "fax", "shorttext"),
    "26": FieldInfo("Preferred E-Mail Format", "email_format", "singlechoice", ("HTML", "Text only")),
    "31": FieldInfo("Opt-In", "optin", "singlechoice", _YES_NO),
    "35": FieldInfo("Language", "language", "singlechoice", ("English", "German", "French")),
    "37": FieldInfo("Mobile", "mobile", "shorttext"),
    "46": FieldInfo("Salutation", "salutation", "singlechoice", ("Mr", "Mrs", "Miss", "Family", "Company")),
}


class Fields:
    """GET field and its choices."""

    def __init__(self, vendor: Vendor[EmarsysSwitches]) -> None:
        self._vendor = vendor

    def operations(self) -> Mapping[str, Handler]:
        return {
            "listFields": self.list_fields,
            "listTranslatedFields": self.list_fields,
            "listFieldChoices": self.list_choices,
            "listTranslatedFieldChoices": self.list_choices,
            "listFieldsChoices": self.list_choices_of_several,
        }

    def list_fields(self, call: Call) -> Response:
        """Every field of the account; the mock knows one language."""
        return envelope(
            [
                {"id": field_id, "name": each.name, "application_type": each.kind, "string_id": each.string_id}
                for field_id, each in self._fields().items()
            ]
        )

    def list_choices(self, call: Call) -> Response:
        return envelope(self._choices(str(call.parameters["fieldId"])))

    def list_choices_of_several(self, call: Call) -> Response:
        return envelope({field_id: self._choices(field_id) for field_id in call.parameters["fields"].split(",")})

    def _fields(self) -> dict[str, FieldInfo]:
        """The system fields, or those that the account is said to have."""
        named = self._vendor.switches.fields
        if named is None:
            return _SYSTEM
        return {
            field_id: _SYSTEM.get(field_id, FieldInfo(f"Field {field_id}", f"field_{field_id}", "shorttext"))
            for field_id in named
        }

    def _choices(self, field_id: str) -> list[dict[str, Any]]:
        field = self._fields().get(field_id)
        if field is None:
            raise Refused(1007, f"No such field: {field_id}.")
        return [
            {"id": str(number), "choice": choice, "bit_position": number - 1}
            for number, choice in enumerate(field.choices, start=1)
        ]


def value_problem(field_id: str, value: object) -> str | None:
    """Why a system field does not take this value, in the vendor's words; None where it does, or is not known."""
    field = _SYSTEM.get(field_id)
    if field is None or value == "":
        return None
    several = field.kind in ("multichoice", "interests")
    if several and not isinstance(value, list):
        return f"Invalid data format for field id: {field_id}. Array expected"
    if not several and isinstance(value, list):
        return f"Invalid data format for field id: {field_id}. Scalar expected."
    if field.choices:
        ids = {str(number) for number in range(1, len(field.choices) + 1)}
        chosen = {str(each) for each in (value if isinstance(value, list) else [value])}
        return None if chosen <= ids else f"Invalid choice id for field id: {field_id}"
    if field.kind in ("date", "birthdate") and not _DATE.fullmatch(str(value)):
        return f"Invalid date format for field id: {field_id}"
    return None
