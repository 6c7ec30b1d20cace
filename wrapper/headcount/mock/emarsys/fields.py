"""The fields that every account has, and their choices.

Ids, names and types are the vendor's list of system fields (vendor-docs). Choices are documented for few fields
(26: vendor-docs; 5 and 46: client-source), those of the others and the names in paths are inferred.
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


_TABLE = """
0 Interests|interests|interests|Sports,Music,Travel,Food
1 First Name|first_name|shorttext
2 Last Name|last_name|shorttext
3 E-Mail|email|longtext
4 Date of Birth|birth_date|birthdate
5 Gender|gender|singlechoice|Male,Female
6 Marital Status|marital_status|singlechoice|Single,Married
7 Children|children|singlechoice|Yes,No,Unknown
8 Education|education|singlechoice|School,University
9 Title|title|singlechoice|Dr.,Prof.
10 Address|address|longtext
11 City|city|shorttext
12 State|state|shorttext
13 ZIP Code|zip_code|shorttext
14 Country|country|singlechoice|Austria,Germany,Hungary
15 Phone|phone|shorttext
16 Fax|fax|fax
17 Job Position|job_position|singlechoice|Employee,Manager
18 Company|company|longtext
19 Department|department|singlechoice|Sales,Support
20 Industry|industry|singlechoice|Trade,Services
21 Phone (office)|office_phone|shorttext
22 Fax (office)|office_fax|fax
23 Number of Employees|number_of_employees|singlechoice|1 to 10,More
24 Annual Revenue (in 000 EUR)|annual_revenue|singlechoice|Up to 1000,More
25 URL|url|url
26 Preferred e-mail format|preferred_email_format|singlechoice|HTML,Text only
27 Avg. length of visit (minutes)|avg_visit_length|special
28 Page views per day|page_views_per_day|special
29 Days since last e-mail sent|days_since_last_email|special
30 Response rate (% of campaigns sent)|response_rate|special
31 Opt-In|optin|special|True,False
32 User status|user_status|special
33 Contact source|contact_source|special
34 Contact form|contact_form|special
35 Registration Language|registration_language|singlechoice|English,German,French
36 Newsletter|newsletter|special
37 Mobile|mobile|shorttext
38 First Name of Partner|partner_first_name|shorttext
39 Birthdate of Partner|partner_birthdate|birthdate
40 Anniversary|anniversary|date
41 Company Address|company_address|longtext
42 Zip Code (office)|office_zip_code|shorttext
43 City (office)|office_city|shorttext
44 State (office)|office_state|shorttext
45 Country (office)|office_country|singlechoice|Austria,Germany,Hungary
46 Salutation|salutation|singlechoice|Mr,Mrs,Miss,Family,Company
47 E-Mail valid|email_valid|special
48 Date of first registration|registration_date|special
"""
"""Id and name, name in paths, type, choices; one field a line."""


def _read(line: str) -> tuple[str, FieldInfo]:
    head, string_id, kind, *choices = line.split("|")
    field_id, name = head.split(" ", 1)
    return field_id, FieldInfo(name, string_id, kind, tuple(choices[0].split(",")) if choices else ())


_SYSTEM = dict(map(_read, _TABLE.strip().splitlines()))


class Fields:
    """GET field and its choices."""

    def __init__(self, vendor: Vendor[EmarsysSwitches]) -> None:
        self._vendor = vendor

    def operations(self) -> Mapping[str, Handler]:
        """The handlers by operationId."""
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
        """The choices of one field."""
        return envelope(self._choices(str(call.parameters["fieldId"])))

    def list_choices_of_several(self, call: Call) -> Response:
        """The choices of each of the fields, by its id."""
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
