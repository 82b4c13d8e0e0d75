"""The server's side: messages to sites, and what becomes of their answers."""

from collections.abc import Sequence

from mlmi2023.papers.fedicra.client import Update
from mlmi2023.papers.fedicra.model import SiteUnet
from mlmi2023.papers.fedicra.options import Learned
from mlmi2023.papers.fedicra.strategies import (
    OWN_MESSAGES,
    State,
    average,
    is_finite,
    likeness,
    state_of,
    take,
)


class Server:
    """Averages what comes back, weighted by counts of images (McMahan et al. 2017).

    Args:
        net: the global model; changed round by round.
        sites: names.
        keys: of the method.
        rounds: of the training.
    """

    def __init__(self, net: SiteUnet, sites: Sequence[str], keys: Learned, rounds: int) -> None:
        self.net, self.sites, self.keys, self.rounds = net, list(sites), keys, rounds
        #: of each site what others get to see: FedAP's averages, MetaFed's networks
        self.own: dict[int, State] = {}

    def message(self, site: int, number: int) -> State:
        """Return what a site is sent at the beginning of a round, 0 the first.

        MetaFed has no server: a site gets the network of the one before it in the ring, and from the middle
        on the common model, which is kept here.
        """
        if self.keys.strategy in OWN_MESSAGES and number:
            if self.keys.strategy == "fedap":
                return self.own.get(site, state_of(self.net))
            if 2 * number < self.rounds:
                return self.own.get((site - 1) % len(self.sites), state_of(self.net))
        return state_of(self.net)

    def gather(self, updates: Sequence[Update | None], number: int) -> list[str]:
        """Make the next messages of the answers of a round; return the sites that were left out.

        A site that does not answer, or answers with what is no number, has no part in the round. If nobody
        is left the server's network stays.
        """
        told = {update.site: update for update in updates if update is not None and is_finite(update.state)}
        lost = [name for site, name in enumerate(self.sites) if site not in told]
        if lost:
            rest = "" if told else "; nobody is left, and the global model stays"
            print(
                f"round {number + 1}: {', '.join(lost)} left out of the average: no answer, or weights that "
                f"are not finite{rest}",
                flush=True,
            )
        if not told or self.keys.strategy == "local":
            return lost
        order = sorted(told)
        states = [told[site].state for site in order]
        if self.keys.strategy == "fedap":
            near = likeness(states, self.keys.kept)
            self.own |= {site: average(states, near[place].tolist()) for place, site in enumerate(order)}
        if self.keys.strategy == "metafed":
            self.own |= {site: told[site].state for site in order}
            if 2 * (number + 1) <= self.rounds:  # the last of the ring is the common model
                self._keep(states[-1])
            return lost
        self._keep(average(states, [told[site].images for site in order]))
        return lost

    def _keep(self, state: State) -> None:
        take(self.net, state, list(state))
