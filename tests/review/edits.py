"""Edits of the fixed spec, each with the verdict that an expert gives: what it does to calls, and to the typed library.

Major is what can break a caller: a call that is refused now, a reply that holds what nobody was told of, a generated
name or type that their code no longer fits. Minor is what adds or promises. Patch changes nothing for anybody.
"""

from __future__ import annotations

from pathlib import Path

import attrs

MAJOR, MINOR, PATCH, NONE = "major", "minor", "patch", "none"
REFUSED = "createPeople/no_key"
"""A recorded message that the spec refuses: where it passes, something is added."""


@attrs.frozen
class Edit:
    """edits: (after, old, new): the first `old` behind `after` becomes `new`.

    wire: what it means for the calls. library: for the generated names and types. at: (after, text): the line that must
    be named, with that severity, is the first with `text` behind `after`; gone: it stands in the old text.
    says: words that its row holds. broken: the recorded messages that break, as `operation/name`.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    wire: str
    library: str = NONE
    at: tuple[str, str] = ("", "")
    gone: bool = False
    says: str = ""
    broken: tuple[str, ...] = ()

    @property
    def severity(self) -> str:
        """A message that was really sent or answered and does not hold any more is a break, whatever the rules say."""
        recorded = MAJOR if set(self.broken) - {REFUSED} else NONE
        return max(self.wire, self.library, recorded, key=(NONE, PATCH, MINOR, MAJOR).index)


def one(
    name: str, after: str, old: str, new: str, wire: str, library: str = NONE, *, at: str = "", gone: bool = False,
    says: str = "", broken: tuple[str, ...] = (),
) -> Edit:  # fmt: skip
    """One replacement. at: the text of the line meant, if it is not the first line of what is new (or gone)."""
    line = at or next(line for line in (old if gone else new).splitlines() if line.strip()).strip()
    return Edit(name, ((after, old, new),), wire, library, (after, line), gone, says, broken)


SPEC = (Path(__file__).parent / "project" / "people.yaml").read_text(encoding="utf-8")
TOKEN = SPEC[SPEC.index("  /token:\n") : SPEC.index("webhooks:\n")]
PERSON = "    Person:\n"
STORED = "    StoredPerson:\n"
CREATE = "operationId: createPeople"
LIST = "operationId: listPeople"
GET = "operationId: getPerson\n      tags"
EVENT = "    PersonEvent:\n"
HOOK = "webhooks:\n  personChanged"
SEED = "          x-evidence: inferred\n"

REQUESTS = [
    one("a list in a request may hold less", CREATE, "maxItems: 100", "maxItems: 50", MAJOR,
        says="rejected before sending", broken=("createPeople/hundred",)),
    one("a list in a request may hold more", CREATE, "maxItems: 100", "maxItems: 200", MINOR),
    one("a member becomes required in a request", PERSON, "required: [email]", "required: [email, name]", MAJOR, MAJOR,
        says="`name` is now required"),
    Edit("a member is required no more in a request", ((PERSON, "      required: [email]\n", ""),), MINOR, MINOR,
         ("    Person:", "required: [email]"), True, "`email` is no longer required", (REFUSED,)),
    one("an optional member is new in a request", PERSON, "        app:\n",
        f"        city:\n          type: string\n{SEED}        app:\n", MINOR, MINOR, says="callers may leave it out"),
    Edit("a required member is new in a request",
         ((PERSON, "required: [email]", "required: [email, city]"),
          (PERSON, "        app:\n", f"        city:\n          type: string\n{SEED}        app:\n"),
          (CREATE, "name: Ada", "city: Paris")), MAJOR, MAJOR, (PERSON, "required: [email, city]"),
          says="`city` is now required",
         broken=("createPeople/one", "createPeople/hundred")),
    one("a member is gone from a request", PERSON, "        app:\n          type: string\n", "", MAJOR, MAJOR,
        gone=True, says="`app` is gone"),
    one("a member of a request has another name", PERSON, "        age:\n", "        years:\n", MAJOR, MAJOR,
        at="age:", gone=True, says="`years` is new and alike: renamed?"),
    one("a request takes one value less", "    Channel:", "enum: [MAIL, TEXT, PUSH]", "enum: [MAIL, PUSH]", MAJOR,
        MAJOR, says="no longer takes `TEXT`"),
    one("a request takes one value more", "    Channel:", "enum: [MAIL, TEXT, PUSH]", "enum: [MAIL, TEXT, PUSH, FAX]",
        MINOR, MINOR, says="takes `FAX` too"),
    one("the values of a request are in another order", "    Channel:", "enum: [MAIL, TEXT, PUSH]",
        "enum: [PUSH, MAIL, TEXT]", PATCH),
    one("a request takes any text", "        - name: duplicates", "            enum: [skip, overwrite]\n", "", MINOR,
        MAJOR, gone=True),
    one("a pattern takes less", PERSON, "^[a-z]+$", "^[a-m]+$", MAJOR, at="pattern: ^[a-m]+$"),
    one("a pattern takes more", PERSON, "^[a-z]+$", "^[a-z0-9]*$", MINOR, at="pattern: ^[a-z0-9]*$"),
    one("a pattern takes other texts", PERSON, "^[a-z]+$", "^[A-Z]+$", MAJOR, at="pattern: ^[A-Z]+$"),
    one("a pattern takes the same, written otherwise", PERSON, "^[a-z]+$", "^[a-z][a-z]*$", PATCH,
        at="pattern: ^[a-z][a-z]*$"),
    one("a text must be longer", PERSON, "minLength: 3", "minLength: 6", MAJOR),
    one("a text may be longer", PERSON, "maxLength: 200", "maxLength: 300", MINOR),
    one("a number has no bound any more", PERSON, "          minimum: 0\n", "", MINOR, gone=True),
    one("a bound of whole numbers is written the other way", PERSON, "          minimum: 0\n",
        "          exclusiveMinimum: -1\n", PATCH, says="the same numbers"),
    one("a bound of whole numbers is written the other way and takes less", PERSON, "          minimum: 0\n",
        "          exclusiveMinimum: 0\n", MAJOR, says="`minimum` was `0`"),
    one("a choice of types is written the other way", "    Fields:\n", "type: [string, integer]",
        "anyOf:\n          - type: string\n          - type: integer", PATCH, NONE,
        at="additionalProperties:", says="another way"),
    one("a request takes numbers beside integers", PERSON, "type: integer", "type: number", MINOR, MINOR),
    one("a request wants text for a number", "        age:", "type: integer\n          minimum: 0", "type: string",
        MAJOR, MAJOR),
    one("null is taken in a request", "        name:\n", "type: string", 'type: [string, "null"]', MINOR, MINOR),
    one("null is taken no more in a request", "        note:", 'type: [string, "null"]', "type: string", MAJOR, MAJOR),
    one("an object takes other members, too", PERSON, "      additionalProperties: false\n", "", MINOR, MINOR,
        gone=True),
    one("names of members may be fewer", "    Fields:", "^[0-9]+$", "^[1-9]$", MAJOR, at="pattern: ^[1-9]$",
        broken=("createPeople/one",)),
    one("names of members may be more", "    Fields:", "^[0-9]+$", "^[0-9a-f]+$", MINOR, at="pattern: ^[0-9a-f]+$"),
    one("other members may hold less", "    Fields:", "type: [string, integer]", "type: string", MAJOR, MAJOR),
    one("a condition holds more often", "          channel:\n            enum", "[PUSH]", "[PUSH, MAIL]", MAJOR,
        at="enum: [PUSH, MAIL]", broken=("createPeople/one",)),
    one("equal items are refused", "        tags:\n          type: array\n", "          items:",
        "          uniqueItems: true\n          items:", MAJOR),
    one("a flag says what goes without saying", "        tags:\n          type: array\n", "          items:",
        "          uniqueItems: false\n          items:", PATCH),
    one("a constant is another", "grant_type:", "const: client_credentials", "const: password", MAJOR, MAJOR),
    one("a body may be left out", "operationId: createPeople", "required: true\n        content",
        "required: false\n        content", MINOR, MINOR, at="requestBody:\n        required: false"),
    one("a body is of another type", "  /token:", "application/x-www-form-urlencoded", "application/json", MAJOR,
        at="application/x-www-form-urlencoded", gone=True),
]  # fmt: skip

PARAMETERS = [
    one("an optional parameter is new", LIST, "        - name: page", "        - name: find\n          in: query\n"
        f"          required: false\n{SEED}          schema:\n            type: string\n        - name: page", MINOR,
        MINOR),
    one("a required parameter is new", LIST, "        - name: page", "        - name: find\n          in: query\n"
        f"          required: true\n{SEED}          schema:\n            type: string\n        - name: page", MAJOR,
        MAJOR),
    one("a parameter becomes required", "        - name: page", "required: false", "required: true", MAJOR, MAJOR),
    one("a parameter may be left out", "        - name: order", "required: true", "required: false", MINOR, MINOR),
    one("a parameter has another name", LIST, "- name: page", "- name: number", MAJOR, MAJOR, at="- name: page",
        gone=True, says="renamed?"),
    one("a parameter moves to a header", "        - name: page", "in: query", "in: header", MAJOR, NONE,
        at="- name: page", gone=True),
    one("a parameter takes less", "        - name: page", "maximum: 50", "maximum: 10", MAJOR),
    one("a parameter takes one value more", "        - name: duplicates", "[skip, overwrite]",
        "[skip, overwrite, merge]", MINOR, MINOR, at="enum: [skip, overwrite, merge]"),
]  # fmt: skip

REPLIES = [
    one("a reply holds one value more", STORED, "[active, blocked]", "[active, blocked, gone]", MAJOR, MAJOR,
        at="enum: [active, blocked, gone]", says="`gone`"),
    one("a reply holds one value less", STORED, "[active, blocked]", "[active]", MINOR, MINOR, at="enum: [active]",
        broken=("listPeople/200_page",)),
    one("a member is gone from a reply", "    CreatePeopleReply:",
        "        failed:\n          type: array\n          items:\n"
        '            $ref: "#/components/schemas/Failure"\n', "", MAJOR, MAJOR, gone=True,
        says="callers who read it break"),
    one("a member is new in a reply", STORED, "        state:\n",
        f"        city:\n          type: string\n{SEED}        state:\n", MINOR, MINOR),
    one("a member of a reply has another name", STORED, "        created:", "        created_at:", MAJOR, MAJOR,
        at="created:", gone=True, says="renamed?"),
    one("a reply promises a member no more", STORED, "      required: [id]\n", "", MAJOR, MAJOR, gone=True,
        says="`id` is no longer required"),
    one("a reply promises a member", STORED, "required: [id]", "required: [id, email]", MINOR, MINOR),
    one("a reply promises a member that was seen to be missing", STORED, "required: [id]", "required: [id, note]",
        MINOR, MINOR, broken=("createPeople/200_saved",)),
    one("text for an integer in a reply", "    PersonList:", "type: integer", "type: string", MAJOR, MAJOR,
        says="from `integer` to `string`", broken=("listPeople/200_page",)),
    one("numbers beside integers in a reply", "    PersonList:", "type: integer", "type: number", MAJOR, MAJOR),
    one("null in a reply", "        created:", "type: string", 'type: [string, "null"]', MAJOR, MAJOR),
    one("a text of a reply is bounded", "        created:", "          type: string\n",
        "          type: string\n          maxLength: 40\n", MINOR, at="maxLength: 40"),
    one("a status is new", CREATE, '        "401":',
        '        "404":\n          $ref: "#/components/responses/NotFound"\n' '        "401":', MINOR),
    one("a status is gone", CREATE, '        "503":\n          $ref: "#/components/responses/Unavailable"\n', "", MAJOR,
        gone=True, says="`503`"),
    one("a status becomes its range", CREATE, '        "503":\n', '        "5XX":\n', MINOR),
    one("success has another status", CREATE, '        "200":\n', '        "201":\n', MAJOR, NONE, at='"200":',
        gone=True, broken=("createPeople/200_saved",)),
    one("a header of a reply is gone", CREATE, '          headers:\n            X-Left:\n'
        '              $ref: "#/components/headers/Left"\n', "", MAJOR, gone=True, at="X-Left:"),
    one("a header of a reply holds text", "    Left:\n", "type: integer", "type: string", MAJOR),
    one("a reply has another media type, too", "    Unavailable:", "  schemas:",
        "        text/plain:\n          schema:\n            type: string\n  schemas:", MINOR),
    one("a link is another", CREATE, "$response.body#/saved/0/id", "$response.body#/saved/1/id", PATCH, at="first:"),
]  # fmt: skip

DELETE = """\
    delete:
      operationId: deletePerson
      tags: [People]
      summary: Delete a person
      x-evidence: inferred
      security:
        - BearerAuth: []
      parameters:
        - $ref: "#/components/parameters/PersonId"
      responses:
        "204":
          description: Gone.
          x-evidence: inferred
        "401":
          $ref: "#/components/responses/Unauthorized"
"""
DRAFT = f"""\
  /draft:
    get:
      operationId: getDraft
      tags: [People]
      summary: Get a person who is not created yet
{SEED[4:]}      security:
        - BearerAuth: []
      responses:
        "200":
          description: The draft.
{SEED}          content:
            application/json:
              schema:
                $ref: "#/components/schemas/Person"
        "401":
          $ref: "#/components/responses/Unauthorized"
  /token:
"""

OPERATIONS = [
    one("an operation is new", "  /people/{person_id}:\n", "    get:\n", f"{DELETE}    get:\n", MINOR, MINOR,
        at="delete:", says="`deletePerson`"),
    Edit("an operation is gone", (("", TOKEN, ""),), MAJOR, MAJOR, ("  /token:", "post:"), True, "`createToken`"),
    one("an operation has another name", "  /people:", "operationId: listPeople", "operationId: findPeople", MAJOR,
        MAJOR, says="`findPeople`", broken=("listPeople/200_page",)),
    one("an operation has another path", "", "  /people/{person_id}:", "  /persons/{person_id}:", MAJOR, NONE,
        at="/people/{person_id}:\n    get:", gone=True),
    Edit("a parameter of a path has another name",
         (("", "/people/{person_id}:", "/people/{id}:"), ("  parameters:\n    PersonId:", "name: person_id",
         "name: id"),
          (CREATE, "person_id: $response", "id: $response")),
         PATCH, MAJOR, ("    PersonId:", "name: id"), says="`person_id` to `id`"),
    one("an operation has another tag", LIST, "tags: [People]", "tags: [Token]", PATCH, MAJOR),
    Edit("a new operation answers with what was only sent, which takes more now",
         (("", "  /token:\n", DRAFT), ("    Channel:", "PUSH]", "PUSH, FAX]")), MINOR, MINOR,
         ("    Channel:", "enum: [MAIL, TEXT, PUSH, FAX]"), says="takes `FAX` too"),
    one("a way to prove who calls is gone", LIST, "        - KeyAuth: []\n", "", MAJOR, gone=False, at="security:"),
    one("another way to prove who calls is taken", GET, "        - BearerAuth: []\n",
        "        - BearerAuth: []\n        - KeyAuth: []\n", MINOR, at="security:"),
    one("credentials are sent otherwise", "    BearerAuth:\n", "scheme: bearer", "scheme: basic", MAJOR,
        at="scheme: basic"),
    one("a key is sent in another header", "    KeyAuth:\n", "name: X-Key", "name: X-Token", MAJOR),
    one("no credentials are asked for", GET, "security:\n        - BearerAuth: []\n", "security: []\n", MINOR, MINOR,
        at="security:"),
    one("another server", "", "{region}.people.test/v2", "{region}.people.test/v3", MAJOR,
        at="url: https://{region}.people.test/v3"),
    one("another server of one operation", "", "https://auth.people.test", "https://login.people.test", MAJOR,
        at="url: https://login.people.test"),
    one("a region is gone", "      region:", "enum: [eu, us]", "enum: [eu]", MAJOR),
    one("a region is new", "      region:", "enum: [eu, us]", "enum: [eu, us, br]", MINOR),
    one("another region unless said", "      region:", "default: eu", "default: us", MAJOR),
]  # fmt: skip
REST = [
    one("what a webhook brings lacks a member", EVENT, "        person_id:\n          type: string\n", "", MAJOR, MAJOR,
        gone=True),
    one("what a webhook brings has one value more", EVENT, "[created, changed]", "[created, changed, deleted]", MAJOR,
        MAJOR, at="enum: [created, changed, deleted]"),
    one("what a webhook brings has one member more", EVENT, "        person_id:",
        f"        city:\n          type: string\n{SEED}        person_id:", MINOR, MINOR),
    one("a webhook has another name", "", "  personChanged:\n", "  personMoved:\n", MAJOR,
        at="personChanged:\n    post:", gone=True),
    one("a webhook wants another answer", "webhooks:\n", '"200":\n          description: Taken.',
        '"204":\n          description: Taken.', MAJOR, at='"200":', gone=True),
    one("a reply code is new", "x-reply-codes:\n", "  - {http: 400, code: 1001",
        "  - {http: 400, code: 1002, name: key_unknown, text: No such key, x-evidence: inferred}\n"
        "  - {http: 400, code: 1001", MINOR, says="`key_unknown`"),
    one("a reply code has another name", "x-reply-codes:\n", "name: key_missing", "name: no_key", MAJOR,
        at="- {http: 400, code: 1000, name: no_key", says="`no_key`"),
    one("a reply code has another number", "x-reply-codes:\n", "code: 1000", "code: 2000", MAJOR,
        at="- {http: 400, code: 2000"),
    one("a reply code is told in other words", "x-reply-codes:\n", "The key is missing", "No key", PATCH,
        at="- {http: 400, code: 1000"),
    one("a description", PERSON, "description: The key.", "description: What tells people apart.", PATCH),
    one("a summary", GET, "summary: Get a person", "summary: Get one person", PATCH),
    one("the words about the whole", "info:", "The tests of the review edit it.", "Tests edit it.", PATCH,
        at="description: A spec of no vendor."),
    one("an example", CREATE, "name: Ada", "name: Eve", PATCH, at="one:"),
    one("where a fact comes from", "        nick:", "x-evidence: inferred", "x-evidence: vendor-docs", PATCH),
    Edit("a schema is moved under a name",
         ((PERSON, "          type: array\n          items:\n            type: string\n",
           '          $ref: "#/components/schemas/Tags"\n'),
          ("", "    Channel:\n",
          "    Tags:\n      type: array\n      x-evidence: seed\n      items:\n        type: string\n"
           "    Channel:\n")), PATCH, PATCH, (PERSON, "tags:")),
    Edit("a parameter is moved under a name",
         ((LIST, "        - name: page\n          in: query\n          required: false\n"
           "          description: The number of the page.\n          x-evidence: vendor-docs\n          schema:\n"
           "            type: integer\n            minimum: 1\n            maximum: 50\n",
           '        - $ref: "#/components/parameters/Page"\n'),
          ("  parameters:\n", "    PersonId:\n", "    Page:\n      name: page\n      in: query\n      required: false\n"
           "      description: The number of the page.\n      x-evidence: vendor-docs\n      schema:\n"
           "        type: integer\n        minimum: 1\n        maximum: 50\n    PersonId:\n")), PATCH, NONE,
         ("  parameters:\n    Page", "Page:")),
    Edit("a name for a schema is another",
         (("", '#/components/schemas/Failure"', '#/components/schemas/Fault"'), ("", "    Failure:\n", "    Fault:\n")),
         PATCH, MAJOR, ("        failed:", "items:")),
]  # fmt: skip

EDITS = [*REQUESTS, *PARAMETERS, *REPLIES, *OPERATIONS, *REST]
