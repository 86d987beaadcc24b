"""What CAP 1.0, 1.1 and 1.2 (OASIS) and EDXL-DE 1.0 say an element holds, and which elements must be there."""

from typing import NamedTuple

VERSIONS = {"http://www.incident.com/cap/1.0": "1.0", "urn:oasis:names:tc:emergency:cap:1.0": "1.0",
            "urn:oasis:names:tc:emergency:cap:1.1": "1.1", "urn:oasis:names:tc:emergency:cap:1.2": "1.2"}
ALL, LATER, LAST, NEVER = ("1.0", "1.1", "1.2"), ("1.1", "1.2"), ("1.2",), ()
TEXT, NAME, TIME, NUMBER, LIST, REFERENCES, PAIR, POLYGON, CIRCLE = (
    "text", "name", "time", "number", "list", "references", "pair", "polygon", "circle")
Words = tuple[str, ...]


class Element(NamedTuple):
    """An element: what it holds (a word above, the words allowed, or elements), in which versions it is required."""

    name: str
    holds: "str | Words | Elements" = TEXT
    required: tuple[str, ...] = NEVER
    many: bool = False


class Elements(NamedTuple):
    """What an element with children holds."""

    all: tuple[Element, ...]


STATUS = ("Actual", "Exercise", "System", "Test", "Draft")
MSG_TYPE = ("Alert", "Update", "Cancel", "Ack", "Error")
SCOPE = ("Public", "Restricted", "Private")
CATEGORY = ("Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE",
            "Other")
RESPONSE = ("Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None")
URGENCY = ("Immediate", "Expected", "Future", "Past", "Unknown")
SEVERITY = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
CERTAINTY = ("Observed", "Very Likely", "Likely", "Possible", "Unlikely", "Unknown")  # Very Likely: CAP 1.0

RESOURCE = Elements((
    Element("resourceDesc", required=ALL), Element("mimeType", required=LAST), Element("size", NUMBER),
    Element("uri"), Element("derefUri"), Element("digest"),
))
AREA = Elements((
    Element("areaDesc", required=ALL), Element("polygon", POLYGON, many=True), Element("circle", CIRCLE, many=True),
    Element("geocode", PAIR, many=True), Element("altitude", NUMBER), Element("ceiling", NUMBER),
))
INFO = Elements((
    Element("language"), Element("category", CATEGORY, LATER, many=True), Element("event", required=ALL),
    Element("responseType", RESPONSE, many=True), Element("urgency", URGENCY, ALL), Element("severity", SEVERITY, ALL),
    Element("certainty", CERTAINTY, ALL), Element("audience"), Element("eventCode", PAIR, many=True),
    Element("effective", TIME), Element("onset", TIME), Element("expires", TIME), Element("senderName"),
    Element("headline"), Element("description"), Element("instruction"), Element("web"), Element("contact"),
    Element("parameter", PAIR, many=True), Element("resource", RESOURCE, many=True), Element("area", AREA, many=True),
))
ALERT = Elements((
    Element("identifier", NAME, ALL), Element("sender", NAME, ALL), Element("password"), Element("sent", TIME, ALL),
    Element("status", STATUS, ALL), Element("msgType", MSG_TYPE, ALL), Element("source"),
    Element("scope", SCOPE, LATER), Element("restriction"), Element("addresses", LIST), Element("code", many=True),
    Element("note"), Element("references", REFERENCES), Element("incidents", LIST), Element("info", INFO, many=True),
))

EDXL = "urn:oasis:names:tc:emergency:EDXL:DE:"
DISTRIBUTION = Elements((
    Element("distributionID", required=ALL), Element("senderID", required=ALL), Element("dateTimeSent", TIME, ALL),
    Element("distributionStatus", ("Actual", "Exercise", "System", "Test"), ALL),
    Element("distributionType", required=ALL), Element("combinedConfidentiality", required=ALL), Element("language"),
))
ATOM = "http://www.w3.org/2005/Atom"
FEED = ("author", "category", "contributor", "generator", "icon", "id", "link", "logo", "rights", "subtitle", "title",
        "updated", "entry")  # RFC 4287 §4.1.1
