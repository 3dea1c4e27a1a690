"""What the tests of deliveries share."""

from uuid import uuid4

from adapters.deliveries import Courier, Stand, Ways
from adapters.erasures import Erasures
from adapters.ledger import Ledger
from adapters.outbound import Outbound
from adapters.postgres.views import Views
from adapters.proofs.sealer import Sealer
from tests.waiting import until

HOST = "siem.example"
REASON = 'a "reason"] \\ <13>1 - - - - - - forged'
TOKEN = "token-that-nobody-may-see"


class House:
    """A tenant whose trail is delivered by a courier that is told when to go."""

    def __init__(self, world, tenant=None):
        self.world, self.tenant = world, tenant or world.tenant()
        self.time = 0.0
        self.signer = world.signer
        self.hosts = frozenset({HOST})
        self.again()

    def again(self):
        """As a process begins: it remembers nothing."""
        world, tenant = self.world, self.tenant.id
        log = world.logs.of(tenant)
        outbound = Outbound(hosts=self.hosts, resolve=lambda *_: ["127.0.0.1"], seconds=20)
        stand = Stand(Views(tenant, world.keeper, log), world.keeper)
        erasures = Erasures(world.keeper, Ledger(world.secrets["keys"]), world)
        opened, granted = world.edge.deliveries.opened, world.logs.must_be_granted
        self.courier = Courier(
            log, stand, Ways(outbound), opened, lambda id: erasures.erase(tenant, [id]), granted, lambda: self.time
        )

    def ask(self, method, path, role="Admin", **named):
        return self.world.ask(method, f"/v1/deliveries{path}", self.tenant.keys[role], **named)

    def add(self, kind, address, **more):
        body = {"name": "SIEM", "kind": kind, "address": address, "secret": TOKEN, **more}
        made = self.ask("POST", "", json=body)
        assert made.status_code == 201, made.text
        return made.json()["id"]

    def do(self, id, what, **body):
        answer = self.ask("POST", f"/{id}/{what}", json=body)
        assert answer.status_code == 200, answer.text

    def work(self):
        body = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": "looms"}
        headers = {"Everlog-Reason": REASON}
        self.world.ask("POST", "/v1/prospects", self.tenant.keys["Admin"], json=body, headers=headers)
        self.world.ask("POST", "/v1/prospects", self.tenant.keys["Viewer"], json=body)

    def settle(self):
        """Everything recorded is sealed, and the views know of it; the log's last position."""
        _, head = self.world.logs.of(self.tenant.id).head()
        sealer = Sealer(self.tenant.id, self.world.keeper, self.signer)
        while sealer.seal():
            pass
        until(lambda: self.courier._stand.known()[0] >= head)
        return head

    def deliver(self):
        """Everything there is, however long a destination is to be left alone; up to where that is."""
        head = self.settle()
        self.time += 1000
        while self.courier.step(60):
            pass
        return head

    def state(self, id):
        return self.ask("GET", f"/{id}", "Auditor").json()


def to(collector):
    return f"http://{HOST}:{collector.port}/in"


def whole(house, collector):
    """Whether nothing is missing, once everything there is was delivered; more may be recorded meanwhile."""
    head = house.deliver()
    return set(range(1, head + 1)) <= set(collector.positions)


def told(house, id):
    log = house.world.logs.of(house.tenant.id)
    return [each.type for each in log.stream(f"deliveries/{id}")]
