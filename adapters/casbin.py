"""Access control by pycasbin: RBAC with domains, one immutable enforcer per tenant, default deny."""

from threading import Lock
from uuid import UUID

from casbin import Enforcer
from casbin.model import Model
from casbin.persist import Adapter
from casbin.rbac import RoleManager

from application.api_keys import Keyring
from application.fresh import Fresh
from application.kernel import Caller
from application.ports import Decision, Logs
from domain.access import KINDS, ROLES
from domain.orgs import Org, orgs

MODEL = """
[request_definition]
r = sub, dom, act
[policy_definition]
p = sub, dom, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && r.dom == p.dom && g(r.sub, p.sub, r.dom)
"""
NOBODY = "No rule grants it."
SCOPES = "The key's scopes leave it out."
_MOST = 50_000


class Policy:
    """What a tenant's organisation allows at one generation and version. Nothing in it changes after it is built.

    Equal questions have equal answers, so each is worked out once; the lock is there because the library writes to its
    tables of functions while it decides.
    """

    def __init__(self, tenant: UUID, place: tuple[int, int], org: Org) -> None:
        self.place = place
        self._domain = str(tenant)
        model = Model()
        model.load_model_from_text(MODEL)
        self._enforcer = Enforcer(model)
        self._enforcer.set_role_manager(_Members(self._domain, org))
        self._enforcer.set_adapter(_Grants(self._domain))
        self._enforcer.load_policy()
        self._lock = Lock()
        self._answers: dict[tuple[str, str], Decision] = {}

    def decide(self, subject: str, permission: str) -> Decision:
        if decision := self._answers.get((subject, permission)):
            return decision
        with self._lock:
            allowed, rule = self._enforcer.enforce_ex(subject, self._domain, permission)
        decision = Decision(allowed, f"p, {rule[0]}, {rule[2]}" if allowed else NOBODY)
        if len(self._answers) < _MOST:
            self._answers[subject, permission] = decision
        return decision


class Casbin:
    """Access for all tenants (`application.ports.Access`). A change of roles or keys counts within a second."""

    def __init__(self, logs: Logs, keyring: Keyring) -> None:
        self._logs = logs
        self._keyring = keyring
        self._built: dict[UUID, Policy] = {}
        self._policies: Fresh[UUID, Policy] = Fresh(self._look)

    # Grants on single resources come with custom roles; until then nothing depends on the resource.
    async def decide(self, caller: Caller, permission: str, resource: str = "") -> Decision:  # noqa: ARG002
        if caller.scopes is not None and permission not in caller.scopes:
            return Decision(allowed=False, rule=SCOPES)
        policy = await self._policies.get(caller.tenant)
        return policy.decide(await self._subject(caller), permission)

    async def _subject(self, caller: Caller) -> str:
        """A member stands for itself, a key for its role, every other actor for its kind."""
        match caller.actor.kind:
            case "user":
                return str(caller.actor)
            case "key":
                key = await self._keyring.key(caller.tenant, caller.actor.id)
                return f"role:{key.issued.role}" if key.issued and not key.revoked else "nobody"
            case kind:
                return f"kind:{kind}"

    async def _look(self, tenant: UUID) -> Policy:
        loaded = await self._logs.of(tenant).load(f"{orgs.name}/{tenant}", orgs)
        built = self._built.get(tenant)
        place = loaded.generation, loaded.version
        if built is None or built.place != place:
            built = self._built[tenant] = Policy(tenant, place, loaded.state)
        return built


class _Grants(Adapter):  # type: ignore[misc]  # the library ships no types
    """The permissions of roles and kinds, as the library's policy."""

    def __init__(self, domain: str) -> None:
        self._domain = domain

    def load_policy(self, model: Model) -> None:
        held = [(f"role:{role}", permissions) for role, permissions in ROLES.items()]
        held += [(f"kind:{kind}", permissions) for kind, permissions in KINDS.items()]
        for holder, permissions in held:
            for permission in sorted(permissions):
                model.add_policy("p", "p", [holder, self._domain, permission])


class _Members(RoleManager):  # type: ignore[misc]  # the library ships no types
    """Each member's one role, straight from the organisation.

    The library's own manager compares each new link with all before it: 80 s for 10,000 members.
    """

    def __init__(self, domain: str, org: Org) -> None:
        self._domain = domain
        self._roles = {f"user:{member}": f"role:{role}" for member, role in org.roles.items()}

    def has_link(self, name1: str, name2: str, *domain: str) -> bool:
        return name1 == name2 or (domain == (self._domain,) and self._roles.get(name1) == name2)

    def clear(self) -> None:
        """The library empties a manager before it loads a policy; this one is full from the start."""
