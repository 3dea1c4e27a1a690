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
from domain.api_keys import ApiKey
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
"""Subjects whose answers are remembered, beyond the members."""
_PERMISSIONS = 1_000
"""Permissions that are remembered of each: far more than there are."""


class Policy:
    """What a tenant's organisation allows at one generation and version. Nothing in it changes after it is built.

    pycasbin decides for each holder of permissions (a role, a kind of actor) once; whoever has the role shares its
    answers, so that what members ask is looked up. The lock is there because the library writes to its tables of
    functions while it decides.
    """

    def __init__(self, tenant: UUID, place: tuple[int, int], org: Org) -> None:
        self.place = place
        self._domain = str(tenant)
        model = Model()
        model.load_model_from_text(MODEL)
        self._enforcer = Enforcer(model)
        members = _Members(self._domain, org)
        self._enforcer.set_role_manager(members)
        self._enforcer.set_adapter(_Grants(self._domain))
        self._enforcer.load_policy()
        self._lock = Lock()
        holders: dict[str, _Answers] = {role: {} for role in members.roles.values()}
        self._answers: dict[str, _Answers] = {member: holders[role] for member, role in members.roles.items()}
        self._answers |= holders
        self._most = len(self._answers) + _MOST

    def decide(self, subject: str, permission: str) -> Decision:
        try:
            return self._answers[subject][permission]
        except KeyError:
            return self._decided(subject, permission)

    def _decided(self, subject: str, permission: str) -> Decision:
        with self._lock:
            allowed, rule = self._enforcer.enforce_ex(subject, self._domain, permission)
        decision = Decision(allowed, f"p, {rule[0]}, {rule[2]}" if allowed else NOBODY)
        answers = self._answers.get(subject)
        if answers is None and len(self._answers) < self._most:
            answers = self._answers[subject] = {}
        if answers is not None and len(answers) < _PERMISSIONS:
            answers[permission] = decision
        return decision


_Answers = dict[str, Decision]
"""By permission."""


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
        policy = self._policies.peek(caller.tenant) or await self._policies.get(caller.tenant)
        actor = caller.actor
        if actor.kind == "user":
            return policy.decide(f"user:{actor.id}", permission)
        if actor.kind != "key":
            return policy.decide(f"kind:{actor.kind}", permission)
        return policy.decide(_subject(await self._keyring.key(caller.tenant, actor.id)), permission)

    async def _look(self, tenant: UUID) -> Policy:
        loaded = await self._logs.of(tenant).load(f"{orgs.name}/{tenant}", orgs)
        built = self._built.get(tenant)
        place = loaded.generation, loaded.version
        if built is None or built.place != place:
            built = self._built[tenant] = Policy(tenant, place, loaded.state)
        return built


def _subject(key: ApiKey) -> str:
    """Whom a key stands for: its member, in the role that they have by now, or else its own role."""
    if key.issued is None or key.revoked:
        return "nobody"
    return f"user:{key.issued.member}" if key.issued.member else f"role:{key.issued.role}"


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
        self.roles = {f"user:{member}": f"role:{role}" for member, role in org.roles.items()}

    def has_link(self, name1: str, name2: str, *domain: str) -> bool:
        return name1 == name2 or (domain == (self._domain,) and self.roles.get(name1) == name2)

    def clear(self) -> None:
        """The library empties a manager before it loads a policy; this one is full from the start."""
