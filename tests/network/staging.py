"""Matinee in a world: control plane, worker and object store at the origin, edges where they are wanted.

The programs are those of production, each on a host of its own, all on one port.
"""

import json
import secrets
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from deploy.local import swift as swift_engine
from deploy.local.swift import OWNER, READER, Swift, User

from network.hosts import ROOT, Host
from network.installation import PATIENCE_SECONDS
from network.world import World
from running_demo import until

ORIGIN, PORT, S3_PORT = "origin", 8400, 9000
BUCKET = "cinema"
_MATINEE = (sys.executable, "-m", "matinee.cli")
_PASSWORD = "a viewer's password"


@dataclass
class Staging:
    """A running service. ``places`` are the regions' latitudes and longitudes."""

    world: World
    places: Mapping[str, tuple[float, float]]
    store: Swift
    control_environment: dict[str, str] = field(default_factory=dict)
    join_tokens: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The control plane, as everybody reaches it."""
        return f"http://{self.world[ORIGIN].address}:{PORT}"

    def address_of(self, name: str) -> str:
        """A host where something of ours listens."""
        return f"http://{self.world[name].address}:{PORT}"

    def environment(self, host: Host, user: User) -> dict[str, str]:
        """What every process is told: where it listens, where films lie, and as whom it reads them."""
        return {
            **self.store.environment(user),
            "MATINEE_DATA": str(host.home / "data"),
            "MATINEE_HOST": host.address,
            "MATINEE_PORT": str(PORT),
            "MATINEE_OBJECTS": f"s3://{BUCKET}",
            "PYTHONPATH": f"{ROOT / 'src'}",
        }

    def open(self) -> None:
        """Start the control plane and a worker, and wait until both are ready."""
        origin = self.world[ORIGIN]
        networks = [f"{host.address}/32={self.world.regions[name]}" for name, host in self.world.hosts.items()]
        told = self.environment(origin, OWNER) | {
            "MATINEE_REGIONS": ",".join(f"{region}={at[0]}/{at[1]}" for region, at in self.places.items()),
            "MATINEE_NETWORKS": ",".join(networks),
            "MATINEE_RATE_PLAYBACKS": "0",
        }
        self.run(origin, told, "migrate")
        origin.start("serve", [*_MATINEE, "serve"], told)
        # A port of its own: on this host everybody's is the control plane's.
        origin.start("worker", [*_MATINEE, "worker"], told | {"MATINEE_PORT": str(PORT + 1)})
        self.control_environment = told
        until("the control plane", lambda: origin.lives("serve") and self.answers(ORIGIN), PATIENCE_SECONDS)

    def start_edge(self, name: str, site: str, **more: str) -> None:
        """Start an edge on its host, and wait until it answers and the control plane has heard of it."""
        self.launch_edge(name, site, **more)
        self.await_edge(name, **more)

    def await_edge(self, name: str, **more: str) -> None:
        """Wait until an edge that was launched so answers."""
        trusted = more.get("MATINEE_TLS_AUTHORITIES", "")
        until(f"edge {name}", lambda: self.world[name].lives("edge") and self.answers(name, trusted), PATIENCE_SECONDS)

    def launch_edge(self, name: str, site: str, **more: str) -> None:
        """Start an edge and do not wait for it."""
        host, region = self.world[name], self.world.regions[name]
        if name not in self.join_tokens:
            # Shown again by an edge that starts again, it changes nothing.
            self.join_tokens[name] = self.run(self.world[ORIGIN], self.control_environment, "join-token", name).strip()
        latitude, longitude = self.places[region]
        told = self.environment(host, READER) | {
            "MATINEE_CONTROL": self.address,
            "MATINEE_JOIN_TOKEN": self.join_tokens[name],
            "MATINEE_EDGE_ID": name,
            "MATINEE_EDGE_SITE": site,
            "MATINEE_EDGE_REGION": region,
            "MATINEE_EDGE_LATITUDE": str(latitude),
            "MATINEE_EDGE_LONGITUDE": str(longitude),
        }
        host.start("edge", [*_MATINEE, "edge"], told | more)

    def answers(self, name: str, trusted: str = "") -> bool:
        """Whether what listens on a host says that it is ready; over TLS where authorities to trust are named."""
        verify = ssl.create_default_context(cafile=trusted) if trusted else True
        address = self.address_of(name).replace("http:", "https:" if trusted else "http:")
        with suppress(httpx.HTTPError):
            return httpx.get(f"{address}/readyz", timeout=10, trust_env=False, verify=verify).is_success
        return False

    def run(self, host: Host, environment: Mapping[str, str], *words: str) -> str:
        """Run one of the command line's verbs on a host; what it printed."""
        given = [f"{name}={value}" for name, value in environment.items()]
        done = host.run(["env", *given, *_MATINEE, *words])
        assert done.returncode == 0, f"matinee {' '.join(words)}: {done.stderr[-2000:]}"
        return done.stdout

    def take_in(self, film: Path) -> str:
        """Put a film into the catalogue, and wait until it can be played; its title's id."""
        told = self.run(self.world[ORIGIN], self.control_environment, "ingest", str(film), "--json")
        title_id = str(json.loads(told)["titles"][0]["id"])
        with self.viewer("origin") as viewer:
            until(
                f"{film.stem} as a film to watch",
                lambda: (
                    self.world[ORIGIN].lives("worker")
                    and viewer.client.get(f"/titles/{title_id}").json().get("is_growing") is False
                ),
                400,
            )
        return title_id

    @contextmanager
    def viewer(self, name: str) -> Iterator["Viewer"]:
        """A member who signed up on a host, and asks from there."""
        who = {"email": f"{secrets.token_hex(8)}@example.com", "password": _PASSWORD}

        def signed_up() -> Viewer:
            # A page's connection stays open while somebody looks at it.
            limits = httpx.Limits(keepalive_expiry=600)
            client = httpx.Client(base_url=f"{self.address}/api/v1", trust_env=False, timeout=60, limits=limits)
            client.post("/accounts", json=who).raise_for_status()
            token = client.post("/sessions", json=who).raise_for_status().json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            profile = client.get("/profiles").raise_for_status().json()["profiles"][0]["id"]
            return Viewer(self.world, name, client, profile)

        viewer = self.world.inside(name, signed_up)
        try:
            yield viewer
        finally:
            viewer.client.close()


@dataclass(frozen=True)
class Viewer:
    """Somebody with a device on a host; ``client`` is signed in, and its connection to the control plane is open."""

    world: World
    host: str
    client: httpx.Client
    profile_id: str

    def play(self, title_id: str) -> dict[str, Any]:
        """Press play."""
        body = {"profile_id": self.profile_id, "title_id": title_id, "device": {"kind": "test"}}

        def pressed() -> dict[str, Any]:
            answer: dict[str, Any] = self.client.post("/playbacks", json=body).raise_for_status().json()
            return answer

        return self.world.inside(self.host, pressed)


@contextmanager
def staged(world: World, places: Mapping[str, tuple[float, float]]) -> Iterator[Staging]:
    """The service without an edge yet; what was started on a host ends with the world."""
    origin = world[ORIGIN]
    within = ("ip", "netns", "exec", origin.space.name)
    store = Swift(world.home / "s3", None, origin.address, S3_PORT, within=within)
    try:
        store.start()
        store.create_bucket(BUCKET, readers=True)
        staging = Staging(world, places, store)
        staging.open()
        yield staging
    finally:
        store.kill()


def why_not() -> str:
    """Why nothing can be staged here, besides what a world itself needs; empty if it can."""
    return "" if swift_engine.find() else "make setup-development"
