"""Azure Resource Manager and Microsoft Graph, as far as Weighbridge asks them: GET, POST, PUT, pages, long operations.

Requests go over the wire that registries are spoken to with (`registry/wire.py`): repeated with pauses, `Retry-After`
obeyed, answers bounded. Links of an answer (`nextLink`, `Azure-AsyncOperation`, `Location`) are followed on the same
host alone. Tokens come from azure-identity, are asked for once more after a 401, and are never shown.
Sources: learn.microsoft.com, "Azure REST API reference", "Track asynchronous Azure operations".
"""

from __future__ import annotations

import json

from weighbridge.core.azure_identity import azure_identity
from weighbridge.core.errors import AzureError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import RegistrySetting
from weighbridge.registry.wire import Pace, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from weighbridge.registry.wire import Answer

MANAGEMENT, GRAPH = "management.azure.com", "graph.microsoft.com"
MOST = 64 * 1024 * 1024
"""Bytes of one answer."""
MOST_PAGES = 1000
LOOKS = 240
"""How often the state of a long operation is asked for."""
_READ = (200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 412, 422)
DONE, FAILED = "succeeded", ("failed", "canceled")


class Service:
    """One host of Azure. `token` gives a bearer token; its argument says that the last one was refused."""

    def __init__(
        self, host: str, token: Callable[[bool], str], pace: Pace | None = None, *, plain_http: bool | None = None
    ) -> None:
        self.host = host
        self._pace = pace or Pace()
        self._wire = Wire(host, RegistrySetting(plain_http=plain_http), None, self._pace)
        self._token = token

    def get(self, target: str, api: str = "") -> dict[str, Any]:
        """One object. Raises AzureError, whose code is ResourceNotFound if there is none."""
        return self._document(self._ask("GET", _with_api(target, api)))

    def post(self, target: str, api: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question with a body."""
        return self._document(self._ask("POST", _with_api(target, api), body))

    def put(self, target: str, api: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace an object, wait until Azure is done, and give it as it is then."""
        answer = self._ask("PUT", _with_api(target, api), body)
        place = answer.headers.get("Azure-AsyncOperation") or answer.headers.get("Location")
        if answer.status in (201, 202) and place:
            self._wait(place)
            return self.get(target, api)
        return self._document(answer)

    def pages(self, target: str, api: str = "") -> Iterator[dict[str, Any]]:
        """All members of a list, over all its pages."""
        following = _with_api(target, api)
        for _ in range(MOST_PAGES):
            page = self._document(self._ask("GET", following))
            members = page.get("value")
            if not isinstance(members, list):
                raise AzureError(f"{plain(self.host)} gives a list that is none", "try again", "")
            yield from (member for member in members if isinstance(member, dict))
            link = page.get("nextLink") or page.get("@odata.nextLink")
            if not isinstance(link, str) or not link:
                return
            following = self._wire.own(link)
        raise AzureError(f"{plain(self.host)} has more than {MOST_PAGES} pages", "ask for less", "")

    def _wait(self, place: str) -> None:
        for _ in range(LOOKS):
            answer = self._ask("GET", self._wire.own(place))
            state = self._document(answer)
            status = str(state.get("status", DONE if answer.status == 200 else "")).lower()
            if status == DONE:
                return
            if status in FAILED:
                raise _refused(self.host, answer, state.get("error"))
            asked = answer.headers.get("Retry-After", "")
            self._pace.sleep(min(float(asked), 60.0) if asked.isdigit() else 5.0)
        raise AzureError(f"{plain(self.host)} is not done after {LOOKS} looks", "look at it in Azure", "")

    def _ask(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> Answer:
        raw = None if body is None else json.dumps(body).encode()
        answer = self._once(method, target, raw, again=False)
        if answer.status == 401:
            answer = self._once(method, target, raw, again=True)
        if answer.status >= 400:
            raise _refused(self.host, answer, None)
        return answer

    def _once(self, method: str, target: str, body: bytes | None, *, again: bool) -> Answer:
        headers = {"Authorization": f"Bearer {self._token(again)}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self._wire.request(method, target, headers=headers, body=body, expect=_READ, most=MOST)

    def _document(self, answer: Answer) -> dict[str, Any]:
        if not answer.body.strip():
            return {}
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise AzureError(f"{plain(self.host)} answers something that is no object", "try again", "")
        return found


def connect(host: str = MANAGEMENT) -> Service:
    """A service that goes by the identity of Azure here. Raises UsageError if the extra is not installed."""
    credential = azure_identity()

    def token(_again: bool) -> str:
        from azure.core.exceptions import AzureError as Refused

        try:
            return str(credential.get_token(f"https://{host}/.default").token)
        except Refused as error:
            cause = plain(str(error).splitlines()[0], 200) if str(error) else "no reason is given"
            raise AzureError(f"there is no identity of Azure here: {cause}", "run az login", "") from None

    return Service(host, token)


def _with_api(target: str, api: str) -> str:
    if not api:
        return target
    return f"{target}{'&' if '?' in target else '?'}api-version={api}"


def _refused(host: str, answer: Answer, error: Any) -> AzureError:
    """What an answer that is no answer means, in Azure's own words as far as it gives any."""
    if error is None:
        try:
            error = json.loads(answer.body).get("error")
        except (ValueError, AttributeError, RecursionError):
            error = None
    error = error if isinstance(error, dict) else {}
    code, said = str(error.get("code", answer.status)), plain(str(error.get("message", "")), 300)
    names = [
        str(inner["info"].get("policyDefinitionDisplayName") or inner["info"].get("policyAssignmentId"))
        for inner in error.get("additionalInfo") or []
        if isinstance(inner, dict) and isinstance(inner.get("info"), dict)
    ]
    if names:
        said += f" (by {plain(', '.join(names), 200)})"
    mend = {
        "AuthorizationFailed": "give the identity the role that docs/azure-audit.md names",
        "RequestDisallowedByPolicy": "see what the policy demands; it is there on purpose",
    }.get(code, "check the names, and that you may do this there")
    correlation = plain(answer.headers.get("x-ms-correlation-request-id", ""), 60)
    cause = f"{plain(host)} answered {answer.status} {plain(code, 80)}: {said or 'no reason'}"
    return AzureError(cause + (f" (correlation {correlation})" if correlation else ""), mend, code)
